import { Watchdog } from "./backoff.ts";
import { EventReader } from "./events.ts";
import { address, authorization, ended, lost, postAck, refusal } from "./http.ts";
import type { Context, Ending, ServerFrame } from "./wire.ts";

/** Until `connected`: where it does not come in time, something on the way collects the stream. */
const OPEN_MS = 10_000;

/** Server-sent events by fetch: EventSource cannot send an Authorization header. What the handler is slow for is not read. */
export async function sse(context: Context): Promise<Ending> {
  const stop = new AbortController();
  let opened = false;
  const watchdog = new Watchdog(context.timers, OPEN_MS, () => stop.abort(new Error("nothing was heard")));
  const abort = (): void => stop.abort(new Error("closed"));
  context.signal.addEventListener("abort", abort);
  try {
    const response = await fetch(address(context, "sse", { cursor: context.cursor, ack: "explicit" }), {
      headers: { ...authorization(context), accept: "text/event-stream" },
      cache: "no-store",
      signal: stop.signal,
    });
    if (!response.ok || !response.body) return refusal(response);
    const reader = response.body.getReader();
    const events = new EventReader();
    for (;;) {
      watchdog.heard();
      const { done, value } = await reader.read();
      if (done) return { reason: "the stream ended", reconnect: "later" };
      watchdog.stop();
      for (const { data } of events.read(value)) {
        await context.room();
        const frame = JSON.parse(data) as ServerFrame;
        context.hear(frame);
        if (frame.type === "connected") {
          opened = true;
          watchdog.expect(frame.heartbeat);
          context.acknowledgeBy((cursor) => postAck(context, cursor, stop.signal));
        } else if (frame.type === "closing") {
          return ended(frame);
        } else if (frame.type === "refresh" && (await hasNewToken(context))) {
          return { reason: "the token is about to expire", reconnect: "token" };
        }
      }
    }
  } catch (error) {
    const silent = stop.signal.aborted && !context.signal.aborted;
    return silent && !opened ? { reason: "streams do not get through", reconnect: "other" } : lost(error);
  } finally {
    watchdog.stop();
    context.signal.removeEventListener("abort", abort);
    context.acknowledgeBy(undefined);
    stop.abort();
  }
}

/** A stream hears no new token: the next stream brings it. One that cannot be had now changes nothing. */
async function hasNewToken(context: Context): Promise<boolean> {
  const token = await context.newToken();
  return token !== undefined && token !== context.token;
}
