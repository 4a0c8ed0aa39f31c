import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";

/** What a benchmark was asked for. */
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
  /** By turns with the services of another checkout: its folder. */
  against: string | undefined;
  /** By turns with another work. */
  beside?: string | undefined;
  /** Whose services are measured, if not this checkout's. */
  services: string | undefined;
}

export interface Known {
  /** Measured where none is named. */
  works: readonly string[];
  /** Only where they are named. */
  large: readonly string[];
  /** Of those, what takes no turns. */
  once: readonly string[];
}

export const USAGE = `npx just bench [WORK...], with
  --runs N        3; by turns 8, in each of which both are measured on platforms of their own
  --seconds N     8, of a run
  --quick         everything small, once: shows that it works, and measures nothing
  --compare       beside the figures that are kept
  --against DIR   by turns with the services of another checkout, whose packages are installed
  --beside WORK   by turns with another work
  --services DIR  the services of another checkout, instead of these
  --save          keeps the figures, and draws docs/internals/performance.svg
  --json FILE     the figures as JSON
  --profile       where each service spends its time
A WORK is named by its name, or several by a part of theirs.`;

/** What is wrong with the options: a line for each. */
export class WrongOptions extends Error {}

/** From a command line; throws WrongOptions. */
export function readOptions(args: readonly string[], known: Known): Options {
  const { values, positionals } = parse(args);
  const byTurns = values.against ?? values.beside;
  // Of fewer than six pairs none can say anything.
  const { runs = byTurns === undefined ? "3" : "8", seconds = "8" } = values;
  const works = chosen(positionals, known);
  const wrong: string[] = [];
  if (!/^[1-9]\d*$/.test(runs)) wrong.push(`--runs is ${JSON.stringify(runs)}, and no whole number from 1 on.`);
  if (!/^\d+(\.\d+)?$/.test(seconds) || Number(seconds) < 1)
    wrong.push(`--seconds is ${JSON.stringify(seconds)}, and no number from 1 on.`);
  for (const part of positionals) if (chosen([part], known).length === 0) wrong.push(noSuchWork(part, known));
  if (byTurns !== undefined) {
    if (values.quick)
      wrong.push(
        "--quick measures nothing, and so there is nothing to compare. Say --runs 6 --seconds 2 for a short one.",
      );
    if (values.profile) wrong.push("--profile is for one thing: by turns only one of two would bear its cost.");
    if (values.against !== undefined && values.beside !== undefined)
      wrong.push("--against and --beside are for two things by turns, and not for three.");
    for (const work of [...works, values.beside ?? ""].filter((work) => known.once.includes(work)))
      wrong.push(`${work} takes no turns: it measures memory, which stays the same from minute to minute.`);
  }
  for (const [flag, folder] of [
    ["--against", values.against],
    ["--services", values.services],
  ] as const)
    if (folder !== undefined) wrong.push(...whyNotOf(flag, folder));
  if (values.beside !== undefined) {
    if (![...known.works, ...known.large].includes(values.beside)) wrong.push(noSuchWork(values.beside, known));
    if (works.length > 1) wrong.push(`--beside is for one work, and here are ${works.length}: ${works.join("; ")}.`);
    if (works[0] === values.beside) wrong.push(`${values.beside} beside itself: --against . shows what is noise.`);
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
  `There is no work ${JSON.stringify(named)}. These are there:\n${[...works, ...large].map((name) => `  ${name}`).join("\n")}`;

function whyNotOf(flag: string, folder: string): string[] {
  const there = (path: string): boolean => existsSync(join(folder, "services/provision", path));
  if (!there("main.ts")) return [`${flag} is ${JSON.stringify(folder)}, where no checkout of this project is.`];
  if (!there("node_modules")) return [`The packages of ${folder} are not installed: npm start there, once.`];
  return [];
}
