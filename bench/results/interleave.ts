import { fork, type ChildProcess } from "node:child_process";
import type { Figure } from "./figures.ts";

/**
 * Two benchmarks side by side, of which one at a time does anything: a machine is up to twice as fast in one minute as in the next,
 * and so both have the same minutes. The one that was called has the first turn, and forks the other. Who goes first changes from pair to
 * pair, for the second of two has the machine as the first has left it.
 */
type Word = "turn" | "alone" | { figures: readonly Figure[] };

/** Undefined where there is none, or it has come to its end. */
let other: { send(word: Word): unknown } | undefined;
let begin: () => void = () => {};
const called = process.send === undefined;
/** Of the present work. */
let asked = 0;

/** To be called before each work. */
export function beginTurns(): void {
  asked = 0;
}

/**
 * To be called before each run of a work: gives the turn to the other, where there is one and it is its turn, and resolves when it has
 * given it back. After the starts it goes: called, other, other, called, called, other.
 */
export async function turn(): Promise<void> {
  asked += 1;
  const keeps = called ? asked > 1 && asked % 2 === 1 : asked % 2 === 0;
  if (other && !keeps) await given("turn");
}

function given(word: Word | undefined): Promise<void> {
  return new Promise((resolve) => {
    begin = resolve;
    if (word !== undefined) other!.send(word);
  });
}

function endOfTurns(): void {
  other = undefined;
  begin();
}

/** For the one that was called: the other, with these arguments. `figures` resolves with what it measured, and lets it come to its end by itself. */
export function startOther(
  file: string,
  args: readonly string[],
): { figures(): Promise<{ measured: readonly Figure[]; failed: boolean }> } {
  const child: ChildProcess = fork(file, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  other = { send: (word) => child.send(word) };
  let measured: readonly Figure[] | undefined;
  child.on("message", (word: Word) => {
    if (word === "turn") begin();
    else if (typeof word === "object") measured = word.figures;
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  void ended.then(endOfTurns);
  return {
    async figures() {
      other?.send("alone");
      const code = await ended;
      return { measured: measured ?? [], failed: code !== 0 };
    },
  };
}

/** For the other: resolves when its first turn comes. `tell` is its last word. */
export async function joinTurns(): Promise<{ tell(figures: readonly Figure[]): void }> {
  const send = process.send!.bind(process) as (word: Word) => boolean;
  other = { send };
  process.on("message", (word: Word) => (word === "alone" ? endOfTurns() : begin()));
  // Whoever called it is gone: as if it had been told to end.
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  await given(undefined);
  return {
    tell(figures) {
      process.removeAllListeners("disconnect");
      process.send!({ figures } satisfies Word, () => process.disconnect());
    },
  };
}
