import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";

/** The options of a benchmark. */
export interface Options {
  works: string[];
  runs: number;
  seconds: number;
  quick: boolean;
  compare: boolean;
  save: boolean;
  profile: boolean;
  help: boolean;
  json?: string | undefined;
  /** In turns with the services of another checkout: its folder. */
  against: string | undefined;
  /** In turns with another benchmark. */
  beside?: string | undefined;
  /** The checkout of the measured services, if it is another one. */
  services: string | undefined;
}

export interface Known {
  /** Measured if the command names none. */
  works: readonly string[];
  /** Measured only if the command names them. */
  large: readonly string[];
  /** Those of `large` that cannot run in turns. */
  once: readonly string[];
}

export const USAGE = `npx just bench [WORK...], with
  --runs N        number of runs: 3, or 8 in turns, each with new platforms for both
  --seconds N     duration of a run, 8 by default
  --quick         one small run of everything: shows that it works, and measures nothing
  --compare       compare with the saved figures
  --against DIR   in turns with the services of another checkout, with installed packages
  --beside WORK   in turns with another benchmark
  --services DIR  measure the services of another checkout, instead of these
  --save          save the figures, and draw docs/internals/performance.svg
  --json FILE     write the figures as JSON
  --profile       show how each service spends its time
WORK is the name of a benchmark, or a part of the names of several.`;

/** The wrong options, one line for each. */
export class WrongOptions extends Error {}

/** Reads a command line. Throws WrongOptions. */
export function readOptions(args: readonly string[], known: Known): Options {
  const { values, positionals } = parse(args);
  const byTurns = values.against ?? values.beside;
  // Fewer than six pairs prove nothing.
  const { runs = byTurns === undefined ? "3" : "8", seconds = "8" } = values;
  const works = chosen(positionals, known);
  const wrong: string[] = [];
  if (!/^[1-9]\d*$/.test(runs)) wrong.push(`--runs is ${JSON.stringify(runs)}. Give a whole number of at least 1.`);
  if (!/^\d+(\.\d+)?$/.test(seconds) || Number(seconds) < 1)
    wrong.push(`--seconds is ${JSON.stringify(seconds)}. Give a number of at least 1.`);
  for (const part of positionals) if (chosen([part], known).length === 0) wrong.push(noSuchWork(part, known));
  if (byTurns !== undefined) {
    if (values.quick)
      wrong.push(
        "--quick measures nothing, so there is nothing to compare. For a short run, pass --runs 6 --seconds 2.",
      );
    if (values.profile) wrong.push("--profile does not work in turns: only one of the two would have its cost.");
    if (values.against !== undefined && values.beside !== undefined)
      wrong.push("Pass either --against or --beside: only two things can run in turns.");
    for (const work of [...works, values.beside ?? ""].filter((work) => known.once.includes(work)))
      wrong.push(`${work} cannot run in turns: it measures memory, which does not change over time.`);
  }
  for (const [flag, folder] of [
    ["--against", values.against],
    ["--services", values.services],
  ] as const)
    if (folder !== undefined) wrong.push(...whyNotOf(flag, folder));
  if (values.beside !== undefined) {
    if (![...known.works, ...known.large].includes(values.beside)) wrong.push(noSuchWork(values.beside, known));
    if (works.length > 1) wrong.push(`--beside is for one benchmark, not ${works.length}: ${works.join("; ")}.`);
    if (works[0] === values.beside) wrong.push(`${values.beside} beside itself: to see the noise, pass --against .`);
  }
  if (wrong.length > 0 && !values.help) throw new WrongOptions(wrong.join("\n"));
  const { against, services, ...rest } = values;
  return {
    ...rest,
    works,
    runs: Number(runs),
    seconds: Number(seconds),
    against: against === undefined ? undefined : resolve(against),
    services: services === undefined ? undefined : resolve(services),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: { type: "string" },
        seconds: { type: "string" },
        quick: { type: "boolean", default: false },
        compare: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        json: { type: "string" },
        against: { type: "string" },
        beside: { type: "string" },
        services: { type: "string" },
      },
    });
  } catch (error) {
    throw new WrongOptions(messageOf(error).split(". ")[0], { cause: error });
  }
}

function chosen(parts: readonly string[], { works, large }: Known): string[] {
  if (parts.length === 0) return [...works];
  const all = [...works, ...large];
  return all.filter((name) => parts.some((part) => (all.includes(part) ? name === part : name.includes(part))));
}

const noSuchWork = (named: string, { works, large }: Known): string =>
  `There is no benchmark ${JSON.stringify(named)}. Choose from:\n${[...works, ...large].map((name) => `  ${name}`).join("\n")}`;

function whyNotOf(flag: string, folder: string): string[] {
  const there = (path: string): boolean => existsSync(join(folder, "services/provision", path));
  if (!there("main.ts")) return [`${flag} is ${JSON.stringify(folder)}, which is no checkout of this project.`];
  if (!there("node_modules")) return [`The packages of ${folder} are not installed. Run npm start there once.`];
  return [];
}
