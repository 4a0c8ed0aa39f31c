import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figures.ts";

/** What a benchmark gave, and on what. */
export interface Report {
  machine: { processor: string; cores: number; node: string; loadBefore: number };
  figures: Figure[];
}

const baselineFile = join(import.meta.dirname, "baseline.json");

/** The figures that are kept: to compare with, and to plan with. */
export function baseline(): Report {
  return JSON.parse(readFileSync(baselineFile, "utf8")) as Report;
}

/** A part of the works replaces that part. */
export function keep(report: Report): Figure[] {
  const measured = new Set(report.figures.map(({ work }) => work));
  const kept = baseline().figures.filter(({ work }) => !measured.has(work));
  const all = [...kept, ...report.figures];
  writeReport(baselineFile, { ...report, figures: all });
  return all;
}

/** One figure a line, so that a change of one is a change of one line. */
export function writeReport(file: string, { machine, figures }: Report): void {
  const each = figures.map((figure) => `    ${JSON.stringify(figure)}`).join(",\n");
  writeFileSync(file, `{\n  "machine": ${JSON.stringify(machine)},\n  "figures": [\n${each}\n  ]\n}\n`);
}
