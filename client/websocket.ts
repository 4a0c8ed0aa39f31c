import { heartbeatMs, Watchdog } from "./backoff.ts";
import { address, ended, whyNot } from "./http.ts";
import { type ClientFrame, type Close, type Context, type Ending, ending, type ServerFrame } from "./wire.ts";

const SUBPROTOCOL = "notifications.v1.json";
/** Until `connected`. */
const OPEN_MS = 10_000;
/** Until something comes after a ping (R42). */
const PONG_MS = 10_000;
/** Between two pings: the server answers one a second (R49). */
const PING_REST_MS = 2_000;
/** R30: what a server that could not say `closing` before it meant by its code. */
const CODES: Record<number, Close["reconnect"]> = { 4001: "no", 4002: "token", 4003: "no", 4004: "token", 4011: "no" };

/** A WebSocket cannot be read more slowly: what waits is bounded by ending it, and coming back for the rest. */
export async function websocket(context: Context): Promise<Ending> {
  const url = address(context, "ws", { cursor: context.cursor, ack: "explicit" }).replace(/^http/, "ws");
  if (typeof WebSocket === "undefined")
    return ending("unsupported", "This runtime has no WebSocket. Use Node 22, or another transport.", "no");
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${context.token}`]);
  } catch {
    // The page's policy forbids it. The error is not kept: it may hold what was passed.
    return ending("blocked", "The runtime does not open a WebSocket here.", "other");
  }
  const last = await new Promise<Ending | undefined>((resolve) => {
    let connected = false;
    let pings = false;
    let over = false;
    /** A ping of ours is not answered yet. */
    let pinged = false;
    let rested = true;
    let resting: unknown;
    const { timers } = context;
    const watchdog = new Watchdog(timers, OPEN_MS, () => {
      // One that was never connected may have been refused, or swallowed on the way: undefined asks why.
      if (!connected) end(undefined);
      else if (pinged) end(ending("silent", "A ping was not answered."));
      else if (rested) probe();
      else watchdog.heard();
    });

    function end(how: Ending | undefined): void {
      if (over) return;
      over = true;
      watchdog.stop();
      timers.clearTimeout(resting);
      context.signal.removeEventListener("abort", abort);
      context.acknowledgeBy(undefined);
      context.probeBy(undefined);
      socket.close(1000);
      resolve(how);
    }
    const abort = (): void => end(ending("closed", "", "no"));
    context.signal.addEventListener("abort", abort);
    if (context.signal.aborted) abort();
    const say = (frame: ClientFrame): void => socket.send(JSON.stringify(frame));

    // A browser does not show the server's pings. Silence proves nothing, but silence after a ping of ours does (R42).
    function probe(): void {
      if (over || pinged || !rested) return;
      rested = false;
      resting = timers.setTimeout(() => (rested = true), PING_REST_MS);
      if (pings) {
        pinged = true;
        say({ type: "ping" });
        watchdog.within(PONG_MS);
        return;
      }
      // An older server: what is said into a connection that is gone is answered by a reset.
      const cursor = context.handled();
      if (cursor !== undefined) say({ type: "ack", cursor });
      watchdog.heard();
    }

    socket.addEventListener("close", ({ code, reason }) => {
      const reconnect = CODES[code];
      if (reconnect) end(ended({ code, reason: reason || "Closed", reconnect }));
      else
        end(
          connected ? ending("lost", `The connection was closed with ${code}${reason && `: ${reason}`}.`) : undefined,
        );
    });
    // Node 22 tells of a refused upgrade by this alone.
    socket.addEventListener("error", () => end(connected ? ending("lost", "The connection failed.") : undefined));
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      if (over) return;
      try {
        hear(JSON.parse(data) as ServerFrame);
      } catch {
        end(connected ? ending("protocol", "A frame was not understood.") : undefined);
      }
    });

    function hear(frame: ServerFrame): void {
      pinged = false;
      watchdog.heard();
      context.hear(frame);
      if (frame.type === "connected") {
        const beat = heartbeatMs(frame.heartbeat);
        connected = true;
        pings = frame.ping === true;
        watchdog.expect(pings ? beat : beat * 2.5);
        // Not before it: the cursor may turn out to be none of this client's.
        context.acknowledgeBy((cursor) => say({ type: "ack", cursor }));
        context.probeBy(probe);
      } else if (frame.type === "closing") end(ended(frame));
      else if (frame.type === "refresh") void refresh();
      else if (context.overfull()) end(ending("behind", "The handler is behind.", "room"));
    }

    async function refresh(): Promise<void> {
      // Where it cannot be had now, the server closes when the old one expires, and says so.
      const token = await context.newToken();
      if (token !== undefined && !over) say({ type: "refresh", token });
    }
  });
  return last ?? whyNot(context, "WebSocket");
}
