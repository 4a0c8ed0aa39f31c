import { pause } from "./backoff.ts";
import { address, authorization, ended, lost, refusal } from "./http.ts";
import type { Close, Context, Cursor, Ending, Notification } from "./wire.ts";

/** Seconds that the server waits for something to come. Not at first: an empty answer means that everything stored was sent (R7). */
const FIRST_WAIT = 0;
const WAIT = 25;
/** What an answer may take beyond that. */
const PATIENCE_MS = 10_000;

interface Answer {
  notifications: Notification[];
  cursor: Cursor;
  closing?: Close;
}

type Outcome =
  | { answer: Answer; refused?: undefined; pending?: undefined }
  | { answer?: undefined; refused: Ending; pending?: undefined }
  /** Seconds after which the loop goes on: what is stored cannot be read yet. */
  | { answer?: undefined; refused?: undefined; pending: number };

/** The next poll is the acknowledgement of the last (R23): it is sent once everything was handled. */
export async function poll(context: Context): Promise<Ending> {
  try {
    let cursor = context.cursor;
    let live = false;
    let first = true;
    while (!context.signal.aborted) {
      const { answer, refused, pending } = await ask(context, cursor, live ? WAIT : FIRST_WAIT);
      if (refused) return refused;
      if (pending !== undefined) {
        context.hear({ type: "replay_pending", retryAfter: pending });
        await pause(pending * 1_000, context.signal, context.timers);
        continue;
      }
      const { notifications, closing } = answer;
      // An answer says nothing of where it resumed. Where it is not after our cursor, the server began at the start (R4).
      const again =
        cursor !== undefined && (answer.cursor < cursor || notifications.some((one) => one.cursor <= cursor!));
      if (again || cursor === undefined) context.hear({ type: "connected", cursor: "", heartbeat: 0 });
      else if (first) context.hear({ type: "connected", cursor, heartbeat: 0 });
      for (const notification of notifications) context.hear(notification);
      if (closing) return ended(closing);
      live ||= notifications.length === 0;
      if (live) context.hear({ type: "live" });
      cursor = (await context.settled()) || answer.cursor;
      first = false;
    }
    return { reason: "closed", reconnect: "no" };
  } catch (error) {
    return lost(error);
  }
}

async function ask(context: Context, cursor: Cursor | undefined, wait: number): Promise<Outcome> {
  const stop = new AbortController();
  const abort = (): void => stop.abort(new Error("closed"));
  const timer = context.timers.setTimeout(() => stop.abort(new Error("no answer")), wait * 1_000 + PATIENCE_MS);
  context.signal.addEventListener("abort", abort);
  try {
    const response = await fetch(address(context, "poll", { cursor, wait: String(wait) }), {
      headers: authorization(context),
      cache: "no-store",
      signal: stop.signal,
    });
    if (response.ok) return { answer: (await response.json()) as Answer };
    const pending = response.status === 503 ? await replayPending(response) : undefined;
    return pending === undefined ? { refused: refusal(response) } : { pending };
  } finally {
    context.timers.clearTimeout(timer);
    context.signal.removeEventListener("abort", abort);
  }
}

/** Seconds until the next poll of the same loop, where the server could not read what is stored (R7). */
async function replayPending(response: Response): Promise<number | undefined> {
  const problem = (await response.json().catch(() => ({}))) as { type?: unknown; retryAfter?: unknown };
  if (problem.type !== "/problems/replay-pending") return undefined;
  return typeof problem.retryAfter === "number" ? problem.retryAfter : 1;
}
