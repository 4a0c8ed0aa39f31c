import { address, authorization, ended, lost, refusal } from "./http.ts";
import type { Close, Context, Cursor, Ending, Notification } from "./wire.ts";

/** Seconds that the server waits for something to come. At first it is short: an empty answer shows that nothing is stored. */
const FIRST_WAIT = 1;
const WAIT = 25;
/** What an answer may take beyond that. */
const PATIENCE_MS = 10_000;

interface Answer {
  notifications: Notification[];
  cursor: Cursor;
  closing?: Close;
}

/** The next poll is the acknowledgement of the last (R23): it is sent once everything was handled. */
export async function poll(context: Context): Promise<Ending> {
  try {
    let cursor = context.cursor;
    let live = false;
    for (let first = true; !context.signal.aborted; first = false) {
      const { answer, refused } = await ask(context, cursor, live ? WAIT : FIRST_WAIT);
      if (refused) return refused;
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
    }
    return { reason: "closed", reconnect: "no" };
  } catch (error) {
    return lost(error);
  }
}

async function ask(
  context: Context,
  cursor: Cursor | undefined,
  wait: number,
): Promise<{ answer: Answer; refused?: undefined } | { answer?: undefined; refused: Ending }> {
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
    return response.ok ? { answer: (await response.json()) as Answer } : { refused: refusal(response) };
  } finally {
    context.timers.clearTimeout(timer);
    context.signal.removeEventListener("abort", abort);
  }
}
