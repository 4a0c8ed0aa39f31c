import type { Failure, Options, Timers } from "./api.ts";
import { pause } from "./timing.ts";

/** A callback that has not returned within this time has failed: the token function, and those of the store. */
export const CALLBACK_MS = 30_000;

export const LATE = new Error("It has not returned.");

/**
 * Calls `start` and waits for its result, for `ms` or until the signal. Rejects with LATE, or resolves with undefined.
 */
export async function within<T>(
  start: () => T | PromiseLike<T>,
  { signal, timers, ms }: { signal: AbortSignal; timers: Timers; ms: number },
): Promise<T | undefined> {
  const over = new AbortController();
  const signals = [signal, over.signal];
  const late = pause(ms, signals, timers).then(() => {
    if (!signals.some(({ aborted }) => aborted)) throw LATE;
    return undefined;
  });
  try {
    return await Promise.race([Promise.resolve().then(start), late]);
  } finally {
    over.abort();
  }
}

/** Calls a callback of the application. An error that it throws, or rejects with, reaches only `failed`. */
export function guarded(call: () => unknown, failed: (error: unknown) => void): void {
  // Not with `await`: the callback runs in this turn.
  try {
    Promise.resolve(call()).then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/**
 * Tells the application that a callback failed. The default omits errors of the token function: they may hold a token.
 */
export function reporter<T>({ onError }: Pick<Options<T>, "onError">) {
  const print = (text: string, ...error: unknown[]): void => {
    // oxlint-disable-next-line no-console
    console.error(`@saasaparilla/client: ${text}`, ...error);
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
