import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseOptions } from "#local/process/parse-options.ts";
import { Coverage } from "./coverage.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import { TARGETS, type Target } from "./targets.ts";

/**
 * Coverage-guided fuzzing: an input that reaches a new block of our code is kept, and further inputs are made from
 * it. corpus/ keeps these inputs for the next run. [TARGET...] [--seconds N] [--seed N] [--keep]
 */
const CORPUS = join(import.meta.dirname, "corpus");
/** Inputs between two coverage reads: a read after each input would take nearly all of the time. */
const ROUND = 256;

const { values, positionals } = parseOptions("npx just fuzz [TARGET]... [--seconds N] [--seed N] [--keep]", {
  allowPositionals: true,
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    keep: { type: "boolean", default: false },
  },
});

function fail(name: string, input: Buffer, error: unknown): never {
  const file = join(CORPUS, name, nameOf(input));
  mkdirSync(join(CORPUS, name), { recursive: true });
  writeFileSync(file, input);
  console.error(`${name}: this input breaks it: ${file}\n${JSON.stringify(input.toString("latin1"))}`);
  throw error;
}

const nameOf = (input: Buffer): string => createHash("sha256").update(input).digest("hex").slice(0, 16);

function kept(name: string): Buffer[] {
  try {
    return readdirSync(join(CORPUS, name))
      .sort()
      .map((file) => readFileSync(join(CORPUS, name, file)));
  } catch {
    return [];
  }
}

async function runs(target: Target, name: string, input: Buffer): Promise<void> {
  try {
    await target.run(input);
  } catch (error) {
    fail(name, input, error);
  }
}

async function fuzz(name: string, target: Target, seconds: number, random: Random): Promise<void> {
  const coverage = new Coverage(target.of);
  const corpus: Buffer[] = [];
  for (const input of [...target.seeds, ...kept(name)]) {
    await runs(target, name, input);
    coverage.know(coverage.fresh());
    corpus.push(input);
  }
  const before = corpus.length;
  let tried = 0;

  /** Few of many inputs reach anything new; a binary search finds them. */
  async function sift(inputs: readonly Buffer[]): Promise<void> {
    for (const input of inputs) await runs(target, name, input);
    const fresh = coverage.fresh();
    if (fresh.length === 0) return;
    if (inputs.length === 1) {
      corpus.push(inputs[0]!);
      if (values.keep) keep(name, inputs[0]!);
    } else {
      const half = inputs.length >> 1;
      await sift(inputs.slice(0, half));
      await sift(inputs.slice(half));
    }
    // V8 merges blocks depending on how often each ran: a block that neither half shows alone belongs to no input.
    coverage.know(fresh);
  }

  for (const end = Date.now() + seconds * 1_000; Date.now() < end;) {
    const round = Array.from({ length: ROUND }, () => mutate(corpus, target.words, random));
    await sift(round);
    tried += ROUND;
  }
  coverage.end();
  console.log(`${name}: ${tried} inputs, ${corpus.length} in the corpus (${before} before), ${coverage.size} places`);
}

function keep(name: string, input: Buffer): void {
  mkdirSync(join(CORPUS, name), { recursive: true });
  writeFileSync(join(CORPUS, name, nameOf(input)), input);
}

const random = new Random(Number(values.seed));
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
console.log(`seed ${values.seed}`);
for (const name of names) {
  const make = TARGETS[name];
  if (!make) throw new Error(`There is no target ${name}. Choose from: ${Object.keys(TARGETS).join(", ")}.`);
  await fuzz(name, await make(), Number(values.seconds), random);
}
