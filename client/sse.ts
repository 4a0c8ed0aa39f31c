import { heartbeatMs, Watchdog } from "./backoff.ts";
import { EventReader } from "./events.ts";
import { address, authorization, ended, lost, postAck, refusal, whyNot, wrongUrl } from "./http.ts";
import { type Context, type Ending, ending, type ServerFrame } from "./wire.ts";

/** Until `connected`: where it does not come in time, something on the way collects the stream. */
const OPEN_MS = 10_000;
/** So many heartbeats may be missing: two, and half of one for the way (R42); and after a probe, the next one may. */
const SILENT = 2.5;
const SILENT_AFTER_PROBE = 1.5;

/** Server-sent events by fetch: EventSource cannot send an Authorization header. What the handler is slow for is not read. */
export async function sse(context: Context): Promise<Ending> {
  const stop = new AbortController();
  let opened = false;
  let silent = false;
  const watchdog = new Watchdog(context.timers, OPEN_MS, () => {
    silent = true;
    stop.abort();
  });
  const abort = (): void => stop.abort();
  context.signal.addEventListener("abort", abort);
  if (context.signal.aborted) abort();
  try {
    const response = await fetch(address(context, "sse", { cursor: context.cursor, ack: "explicit" }), {
      headers: { ...authorization(context), accept: "text/event-stream" },
      cache: "no-store",
      signal: stop.signal,
    });
    if (!response.ok) return await refusal(context, "sse", response);
    if (!(response.headers.get("content-type") ?? "").includes("text/event-stream"))
      return wrongUrl(context.base, "sse", "answered something else than an event stream");
    // React Native reads no streams.
    if (!response.body) return blocked();
    const reader = response.body.getReader();
    const events = new EventReader();
    for (;;) {
      watchdog.heard();
      const { done, value } = await reader.read();
      if (done) return opened ? ending("lost", "The stream ended.") : await whyNot(context, "stream");
      watchdog.stop();
      for (const { data } of events.read(value)) {
        await context.room();
        let frame: ServerFrame;
        try {
          frame = JSON.parse(data) as ServerFrame;
          context.hear(frame);
        } catch {
          return ending("protocol", "An event was not understood.");
        }
        if (frame.type === "connected") {
          const beat = heartbeatMs(frame.heartbeat);
          opened = true;
          watchdog.expect(beat * SILENT);
          context.acknowledgeBy((cursor) => postAck(context, cursor));
          context.probeBy(() => watchdog.within(beat * SILENT_AFTER_PROBE));
        } else if (frame.type === "closing") {
          return ended(frame);
        } else if (frame.type === "refresh" && (await hasNewToken(context))) {
          return ending("token-renewed", "The token was about to expire.", "again");
        }
      }
    }
  } catch (error) {
    if (silent) return opened ? ending("silent", "Nothing was heard from the server.") : blocked();
    return lost(context, error);
  } finally {
    watchdog.stop();
    context.signal.removeEventListener("abort", abort);
    context.acknowledgeBy(undefined);
    context.probeBy(undefined);
    stop.abort();
  }
}

const blocked = (): Ending => ending("blocked", "Streams do not get through.", "other");

/** A stream hears no new token: the next stream brings it. One that cannot be had now changes nothing. */
async function hasNewToken(context: Context): Promise<boolean> {
  const token = await context.newToken();
  return token !== undefined && token !== context.token;
}
