import type { Failure, Options, Timers } from "./api.ts";
import { pause } from "./backoff.ts";

/** A callback that has not returned by then has failed: the token function, and those of the store. */
export const CALLBACK_MS = 30_000;

export const LATE = new Error("It has not returned for 30 s.");

/** Calls `start` and waits for what it returns: so long, or until the signal. Rejects with LATE, or resolves with undefined. */
export async function within<T>(
  start: () => T | PromiseLike<T>,
  { signal, timers, ms = CALLBACK_MS }: { signal: AbortSignal; timers: Timers; ms?: number },
): Promise<T | undefined> {
  const over = new AbortController();
  const late = async (): Promise<undefined> => {
    await pause(ms, [signal, over.signal], timers);
    if (!signal.aborted && !over.signal.aborted) throw LATE;
    return undefined;
  };
  try {
    return await Promise.race([Promise.resolve().then(start), late()]);
  } finally {
    over.abort();
  }
}

/** Calls a callback of the application. What it throws, or rejects with, reaches `failed` and nothing else. */
export function guarded(call: () => unknown, failed: (error: unknown) => void): void {
  // Not by `await`: the callback runs in this turn.
  try {
    Promise.resolve(call()).then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/** Tells the application that one of its callbacks failed. The default says nothing of what the token function threw: it may hold a token. */
export function reporter<T>({ onError }: Pick<Options<T>, "onError">) {
  const print = (text: string, ...error: unknown[]): void => {
    try {
      // oxlint-disable-next-line no-console
      console.error(`@saasaparilla/client: ${text}`, ...error);
    } catch {
      // A console that throws cannot be told of it.
    }
  };
  return (error: unknown, failure: Failure<T>): void => {
    if (onError) {
      guarded(
        () => onError(error, failure),
        (thrown) => print("onError failed.", thrown),
      );
    } else if (failure.code === "token-failed") print(failure.text);
    else print(failure.text, error);
  };
}
