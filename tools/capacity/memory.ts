import { spread, type Figure } from "#bench/results/figures.ts";
import { shown } from "./print.ts";

/** Shows whether the memory of one lane or connection stays constant: a row for each kind, a column for each count. */
const KINDS = [
  ["10M lanes, live", "heap", "lane, live"],
  ["10M lanes, stored", "heap", "lane, its client away"],
  ["10M connections", "Redis", "connection in Redis"],
] as const;
const SIZES = ["1,000", "100,000", "1,000,000", "10,000,000"];

export function memoryText(figures: readonly Figure[]): string {
  const rows = KINDS.map(([work, name, kind]) => {
    const cells = SIZES.map((size, index) => {
      const wanted = index === SIZES.length - 1 ? name : `${name}, at ${size}`;
      const figure = figures.find((one) => one.work === work && one.name === wanted);
      return figure ? `${figure.quick ? "~" : ""}${shown(spread(figure.runs).median)}` : "-";
    });
    return [kind, ...cells];
  });
  return [["bytes each, of", ...SIZES], ...rows]
    .map(([kind = "", ...cells]) => `${kind.padEnd(24)}${cells.map((cell) => cell.padStart(12)).join("")}`)
    .join("\n");
}
