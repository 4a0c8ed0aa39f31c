import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figures.ts";

/** What a benchmark gave, and on what. */
export interface Report {
  machine: { processor: string; cores: number; node: string };
  /** By work: the day, the commit ("+" where something was not committed) and the machine's load before. */
  measured: Record<string, { on: string; commit: string; loadBefore: number }>;
  figures: Figure[];
  /** By turns with another checkout: what that gave. */
  there?: Figure[];
}

const baselineFile = join(import.meta.dirname, "../baseline.json");

/** The figures that are kept: to compare with, and to plan with. */
export function baseline(): Report {
  return JSON.parse(readFileSync(baselineFile, "utf8")) as Report;
}

/** A part of the works replaces that part. */
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

/** One figure a line, so that a change of one is a change of one line. */
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

/** Of the checkout in `folder`, or of this one. */
export function commitOf(folder = import.meta.dirname): string {
  const git = (...args: string[]): string => execFileSync("git", ["-C", folder, ...args], { encoding: "utf8" }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain") === "" ? "" : "+"}`;
  } catch {
    // An archive, and no repository.
    return "unknown";
  }
}
