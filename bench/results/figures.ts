/** One figure of one benchmark, with its value in each run. */
export interface Figure {
  work: string;
  name: string;
  unit: string;
  /** The better direction. */
  better: "lower" | "higher";
  /** The target: a maximum or a minimum, by `better`. */
  aim?: number;
  runs: number[];
  /** From --quick: it shows that the benchmark works, and measures nothing. */
  quick?: boolean;
}

export type About = Pick<Figure, "unit" | "better"> & { aim?: number };

/** Collects figures in the order of their first value. */
export class Figures {
  readonly all: Figure[] = [];

  note(work: string, name: string, value: number, about: About): void {
    let figure = this.all.find((known) => known.work === work && known.name === name);
    if (!figure) this.all.push((figure = { work, name, ...about, runs: [] }));
    figure.runs.push(Number(value.toPrecision(4)));
  }
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spread(runs: readonly number[]): Spread {
  const sorted = [...runs].sort((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median: Number(median.toPrecision(4)), min: sorted[0]!, max: sorted.at(-1)! };
}

const range = ({ median, min, max }: Spread): string => `${median} (${min} to ${max})`;

function meets({ aim, better }: Figure, { median }: Spread): boolean {
  return aim === undefined || (better === "lower" ? median <= aim : median >= aim);
}

/** Grouped by benchmark. A figure that is 0 in every run is only in the JSON. */
export function table(figures: readonly Figure[]): string {
  const works = [...new Set(figures.map(({ work }) => work))];
  return columns(
    ["", "median", "min", "max", "runs", "unit", "aim"],
    works.flatMap((work) => {
      const rows = figures.filter((figure) => figure.work === work && figure.runs.some((run) => run !== 0)).map(rowOf);
      return rows.length === 0 ? [] : [[work, "", "", "", "", "", ""], ...rows];
    }),
  );
}

function rowOf(figure: Figure): string[] {
  const { aim, better, name, unit, runs } = figure;
  const { median, min, max } = spread(runs);
  const verdict = meets(figure, { median, min, max }) ? "" : "  missed";
  const wanted = aim === undefined || figure.quick ? "" : `${better === "lower" ? "<=" : ">="} ${aim}${verdict}`;
  return [`  ${name}`, ...[median, min, max].map(String), String(runs.length), unit, wanted];
}

/** Compares now with before: a change counts if the ranges of the runs do not touch. */
export function comparison(before: readonly Figure[], after: readonly Figure[]): string {
  const rows = after.flatMap((figure) => {
    const old = before.find(({ work, name }) => work === figure.work && name === figure.name);
    if (!old) return [];
    const was = spread(old.runs);
    const is = spread(figure.runs);
    const touching = is.min <= was.max && was.min <= is.max;
    const lower = is.median < was.median;
    const verdict = touching ? "within noise" : lower === (figure.better === "lower") ? "better" : "WORSE";
    const change = was.median === 0 ? "" : `${(((is.median - was.median) / was.median) * 100).toFixed(1)} %`;
    return [[`${figure.work}: ${figure.name}`, range(was), range(is), figure.unit, change, verdict]];
  });
  return columns(["", "before", "now", "unit", "change", ""], rows);
}

/** The significance level of the two-sided sign test: one in twenty comparisons is this one-sided by chance. */
const CHANCE = 0.05;
/** Fewer pairs can all agree by chance. */
const FEWEST = 6;

/** A process's memory and the load tool's CPU depend on earlier runs, so the sign test does not apply to them. */
const ofTheProcess = ({ name }: Figure): boolean => name.startsWith("load tool") || name.endsWith(", resident");

/**
 * Compares there with here, after runs in turns. It counts the better run of each pair, which ran in the same minute. A
 * change counts if the result is too one-sided for chance.
 */
export function pairs(there: readonly Figure[], here: readonly Figure[]): string {
  const rows = here.flatMap((figure) => {
    const other = there.find(({ work, name }) => work === figure.work && name === figure.name);
    if (!other) return [];
    const both = figure.runs.slice(0, other.runs.length).map((run, index) => [other.runs[index]!, run] as const);
    if (ofTheProcess(figure) || both.every(([that, run]) => that === 0 && run === 0)) return [];
    const different = both.filter(([that, run]) => that !== run);
    const better = different.filter(([that, run]) => run < that === (figure.better === "lower")).length;
    const sure = byChance(Math.max(better, different.length - better), different.length) < CHANCE;
    const verdict =
      both.length < FEWEST
        ? "too few runs"
        : sure
          ? better * 2 > different.length
            ? "better"
            : "WORSE"
          : "within noise";
    const ratios = both.flatMap(([that, run]) => (that > 0 ? [run / that - 1] : []));
    const change = ratios.length === 0 ? "" : `${(spread(ratios).median * 100).toFixed(1)} %`;
    return [
      [
        `${figure.work}: ${figure.name}`,
        range(spread(other.runs)),
        range(spread(figure.runs)),
        figure.unit,
        change,
        `${better} of ${different.length}`,
        verdict,
      ],
    ];
  });
  return columns(["", "there", "here", "unit", "median change", "better in", ""], rows);
}

/** The probability that at least `most` of `of` coin throws fall on the same side. */
function byChance(most: number, of: number): number {
  let ways = 0;
  let choose = 1;
  for (let count = 0; count <= of; count += 1) {
    if (count >= most) ways += choose;
    choose = (choose * (of - count)) / (count + 1);
  }
  return Math.min(1, (2 * ways) / 2 ** of);
}

function columns(head: string[], rows: string[][]): string {
  const widths = head.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]!.length)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[index]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
