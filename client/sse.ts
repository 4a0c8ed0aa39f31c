import { heartbeatMs, NEVER_MS, Watchdog } from "./timing.ts";
import { EventReader } from "./events.ts";
import { address, authorization, ended, isOf, lost, postAck, refusal, request, whyNot, wrongUrl } from "./http.ts";
import { type Context, type Ending, ending, type ServerFrame } from "./protocol.ts";

/** Until `connected`. If it does not come in time, a proxy on the way buffers the stream. */
const OPEN_MS = 10_000;
/** Missing heartbeats before the end: two, and half of one for the way (R42). After a probe, one may be missing. */
const SILENT = 2.5;
const SILENT_AFTER_PROBE = 1.5;

/**
 * Server-sent events by fetch: EventSource cannot send an Authorization header. It does not read ahead of the handler.
 */
export async function sse(context: Context): Promise<Ending> {
  const stop = new AbortController();
  let opened = false;
  let silent = false;
  const watchdog = new Watchdog(context.timers, OPEN_MS, () => {
    silent = true;
    stop.abort();
  });

  async function read(response: Response): Promise<Ending> {
    if (!response.ok) return refusal(context, "sse", response);
    if (!isOf(response, "event-stream")) return wrongUrl(context.base, "sse", "answered no stream");
    // React Native reads no streams.
    if (!response.body) return blocked();
    const reader = response.body.getReader();
    const events = new EventReader();
    for (;;) {
      watchdog.heard();
      const { done, value } = await reader.read();
      if (done) return opened ? ending("lost", "The connection ended.") : whyNot(context, "stream");
      watchdog.stop();
      for (const { data } of events.read(value)) {
        await context.room();
        let frame: ServerFrame;
        try {
          frame = JSON.parse(data) as ServerFrame;
          context.hear(frame);
        } catch {
          return ending("protocol", "Invalid frame.");
        }
        if (frame.type === "connected") {
          const beat = heartbeatMs(frame.heartbeat);
          opened = true;
          watchdog.expect(beat * SILENT);
          context.acknowledgeBy((cursor) => postAck(context, cursor));
          context.probeBy(() => watchdog.within(beat * SILENT_AFTER_PROBE));
        } else if (frame.type === "closing") {
          return ended(frame);
        } else if (frame.type === "refresh" && ((await context.newToken()) ?? context.token) !== context.token) {
          // A stream cannot take a new token: the next stream brings it. A failed renewal changes nothing now.
          return ending("token-renewed", "The token expires.", "again");
        }
      }
    }
  }

  try {
    const url = address(context, "sse", `ack=explicit${context.asks}`, context.cursor);
    const headers = { ...authorization(context), accept: "text/event-stream" };
    return await request(context, url, { headers }, NEVER_MS, read, stop.signal);
  } catch (error) {
    if (silent) return opened ? ending("silent", "Nothing was heard.") : blocked();
    return lost(context, error, opened);
  } finally {
    watchdog.stop();
  }
}

const blocked = (): Ending => ending("blocked", "A stream does not get through.", "other");
