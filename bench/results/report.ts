import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figures.ts";

/** The figures of benchmarks, and the machine. */
export interface Report {
  machine: { processor: string; cores: number; node: string };
  /** By benchmark: the day, the commit ("+" with uncommitted changes) and the machine's load before. */
  measured: Record<string, { on: string; commit: string; loadBefore: number }>;
  figures: Figure[];
  /** The figures of the other checkout, if both ran in turns. */
  there?: Figure[];
}

const baselineFile = join(import.meta.dirname, "../baseline.json");

/** The saved figures, for comparisons and for capacity plans. */
export function baseline(): Report {
  return JSON.parse(readFileSync(baselineFile, "utf8")) as Report;
}

/** Replaces only the figures of the benchmarks in the report. */
export function keep(report: Report): Figure[] {
  const before = baseline();
  const renewed = new Set(report.figures.map(({ work }) => work));
  const figures = [...before.figures.filter(({ work }) => !renewed.has(work)), ...report.figures];
  const works = new Set(figures.map(({ work }) => work));
  const measured = Object.fromEntries(
    Object.entries({ ...before.measured, ...report.measured }).filter(([work]) => works.has(work)),
  );
  writeReport(baselineFile, { machine: report.machine, measured, figures });
  return figures;
}

/** One figure per line, so that a changed figure is one changed line. */
export function writeReport(file: string, { machine, measured, figures, there }: Report): void {
  const lines = (items: readonly string[]): string => items.map((item) => `    ${item}`).join(",\n");
  const list = (of: readonly Figure[]): string => `[\n${lines(of.map((figure) => JSON.stringify(figure)))}\n  ]`;
  const works = Object.entries(measured).map(([work, how]) => `${JSON.stringify(work)}: ${JSON.stringify(how)}`);
  const parts = [
    `"machine": ${JSON.stringify(machine)}`,
    `"measured": {\n${lines(works)}\n  }`,
    `"figures": ${list(figures)}`,
    ...(there ? [`"there": ${list(there)}`] : []),
  ];
  writeFileSync(file, `{\n  ${parts.join(",\n  ")}\n}\n`);
}

/** The commit of the checkout in `folder`, or of this one. */
export function commitOf(folder = import.meta.dirname): string {
  const git = (...args: string[]): string => execFileSync("git", ["-C", folder, ...args], { encoding: "utf8" }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain") === "" ? "" : "+"}`;
  } catch {
    // An archive is no repository.
    return "unknown";
  }
}
