import { fork, type ChildProcess } from "node:child_process";
import type { Figure } from "./figures.ts";

/**
 * Two benchmarks in turns, one at a time. A machine can be twice as fast in one minute as in the next, so both run in
 * the same minutes. The first process has the first turn, and forks the other. The order changes from pair to pair,
 * because the second run of a pair finds the machine as the first has left it.
 */
type Word = "turn" | "alone" | { figures: readonly Figure[] };

/** Undefined if there is no other, or it has ended. */
let other: { send(word: Word): unknown } | undefined;
let begin: () => void = () => {};
const called = process.send === undefined;
/** Turns asked for in the present benchmark. */
let asked = 0;

/** Call it before each benchmark. */
export function beginTurns(): void {
  asked = 0;
}

/**
 * Call it before each run of a benchmark. If it is the other's turn, gives it the turn, and resolves once it is back.
 * After the starts the order is: called, other, other, called, called, other.
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

/** For the first process: starts the other with these arguments. `figures` lets it finish, and returns its figures. */
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

/** For the other process: resolves at its first turn. `tell` is its last message. */
export async function joinTurns(): Promise<{ tell(figures: readonly Figure[]): void }> {
  const send = process.send!.bind(process) as (word: Word) => boolean;
  other = { send };
  process.on("message", (word: Word) => (word === "alone" ? endOfTurns() : begin()));
  // The first process is gone, so this one ends, too.
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  await given(undefined);
  return {
    tell(figures) {
      process.removeAllListeners("disconnect");
      process.send!({ figures } satisfies Word, () => process.disconnect());
    },
  };
}
