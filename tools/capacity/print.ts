import { valuesOf, type Constant } from "./constants.ts";
import type { Input } from "./input.ts";
import { plan } from "./plan.ts";

const FROM_WIDTH = 70;

/**
 * A line of a plan, with its range from the lowest to the highest constants of any run. For a need, the range is the
 * amount needed. For a result, it follows from the amounts that the plan bought.
 */
export interface Row {
  part: string;
  name: string;
  value: number;
  least: number;
  most: number;
  unit: string;
  from: string;
}

export function rowsOf(input: Input, constants: readonly Constant[]): Row[] {
  const lines = plan(input, valuesOf(constants, "median"));
  const ends = (["min", "max"] as const).map((end) => {
    const values = valuesOf(constants, end);
    return { needed: plan(input, values), following: plan(input, values, lines) };
  });
  return lines.map(({ part, name, value, unit, from, kind }, index) => {
    const others = ends.map(({ needed, following }) => (kind === "result" ? following : needed)[index]!.value);
    return { part, name, value, least: Math.min(...others), most: Math.max(...others), unit, from };
  });
}

/** The plan as text. Each line has a quantity, its value, its range across runs, and its formula. */
export function planText(rows: readonly Row[]): string {
  const width = Math.max(...rows.map((row) => row.name.length)) + 2;
  const lines: string[] = [];
  let part = "";
  for (const row of rows) {
    if (row.part !== part) lines.push(...(part === "" ? [] : [""]), row.part);
    part = row.part;
    const head = `  ${row.name.padEnd(width)}${shown(row.value).padStart(14)} ${row.unit.padEnd(6)}${rangeOf(row.least, row.most).padEnd(20)}`;
    const [first = "", ...rest] = wrapped(row.from);
    lines.push(`${head}  ${first}`, ...rest.map((more) => `${" ".repeat(head.length + 4)}${more}`));
  }
  return lines.join("\n");
}

/** Wraps a text at FROM_WIDTH. */
function wrapped(text: string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line.length + word.length >= FROM_WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}

function rangeOf(least: number, most: number): string {
  return shown(least) === shown(most) ? "" : `${shown(least)} to ${shown(most)}`;
}

export function constantsText(constants: readonly Constant[]): string {
  const width = Math.max(...constants.map(({ name }) => name.length)) + 2;
  return constants
    .map(({ name, median, min, max, unit, from }) => {
      const range = rangeOf(min, max).padEnd(20);
      return `  ${name.padEnd(width)}${shown(median).padStart(8)}  ${unit.padEnd(23)}${range}${from}`;
    })
    .join("\n");
}

/** A large or whole number has no fraction; others have three digits. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return "never";
  const rounded = value >= 1_000 || Number.isInteger(value) ? Math.round(value) : Number(value.toPrecision(3));
  return rounded.toLocaleString("en-GB", { maximumFractionDigits: 12 });
}
