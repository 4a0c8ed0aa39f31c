import type { Cursor } from "./api.ts";
import { pause } from "./timing.ts";
import { address, authorization, ended, lost, PATIENCE_MS, refusal, request, wrongUrl } from "./http.ts";
import type { Close, Context, Ending, InboxFrame, Item } from "./protocol.ts";

/** Seconds that the server waits. At first 0: an empty answer means that all stored notifications were sent (R7). */
const FIRST_WAIT = 0;
const WAIT = 25;
/** The server could not read the stored notifications: the same loop continues (R7). */
const REPLAY_PENDING = "/problems/replay-pending";

interface Answer {
  notifications: Item[];
  cursor: Cursor;
  closing?: Close;
  inbox?: InboxFrame[];
}

type Outcome = Answer | Awaited<ReturnType<typeof refusal>>;

/** The next poll acknowledges the last one (R23), so it is sent once everything was handled. */
export async function poll(context: Context): Promise<Ending> {
  const { signal, timers } = context;
  try {
    let cursor = context.cursor;
    let live = false;
    let first = true;
    for (;;) {
      const answer = await ask(context, cursor, live ? WAIT : FIRST_WAIT);
      // A probe ended this poll; another one follows.
      if (!answer) continue;
      if ("reason" in answer) {
        if (answer.type !== REPLAY_PENDING) return answer;
        await pause((answer.retryAfter ?? 1) * 1_000, [signal], timers);
        continue;
      }
      const { notifications, closing, inbox = [] } = answer;
      // An answer does not name its start. If it is not after our cursor, the server began at the start (R4).
      const again =
        cursor === undefined || answer.cursor < cursor || notifications.some((one) => one.cursor <= cursor!);
      if (again || first) context.hear({ type: "connected", cursor: again ? "" : cursor!, heartbeat: 0 });
      for (const frame of [...notifications, ...inbox]) context.hear(frame);
      if (closing) return ended(closing);
      live ||= notifications.length === 0;
      if (live) context.hear({ type: "live" });
      cursor = (await context.settled()) || answer.cursor;
      first = false;
    }
  } catch (error) {
    return lost(context, error);
  }
}

/** One poll. Undefined if a probe ended it: the page or the network was away, so the answer may be lost. */
async function ask(context: Context, cursor: Cursor | undefined, wait: number): Promise<Outcome | undefined> {
  const url = address(context, "poll", `wait=${wait}${context.asks}`, cursor);
  const init = { headers: authorization(context) };
  const probed = new AbortController();
  context.probeBy(() => probed.abort());
  try {
    const use = (response: Response): Promise<Outcome> => outcomeOf(context, response);
    return await request(context, url, init, wait * 1_000 + PATIENCE_MS, use, probed.signal);
  } catch (error) {
    if (probed.signal.aborted && !context.signal.aborted) return undefined;
    throw error;
  }
}

async function outcomeOf(context: Context, response: Response): Promise<Outcome> {
  if (!response.ok) return refusal(context, "poll", response);
  const answer = (await response.json().catch(() => undefined)) as Partial<Answer> | undefined;
  if (typeof answer?.cursor !== "string" || !Array.isArray(answer.notifications))
    return wrongUrl(context.base, "poll", "answered no notifications");
  return answer as Answer;
}
