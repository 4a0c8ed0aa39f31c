import { heartbeatMs, NEVER_MS, onAbort, Watchdog } from "./timing.ts";
import { address, ended, whyNot } from "./http.ts";
import { type ClientFrame, type Close, type Context, type Ending, ending, type ServerFrame } from "./protocol.ts";

const SUBPROTOCOL = "notifications.v1.json";
/** Until `connected`. */
const OPEN_MS = 10_000;
/**
 * Heartbeats of silence before a ping. Fewer pings for an idle server, and a dead connection for half a minute at most.
 */
const SILENT = 1.5;
/** Until a frame comes after a ping (R42). */
const PONG_MS = 10_000;
/** Between two pings: the server answers one a second (R49). */
const PING_REST_MS = 2_000;
/** R30: the meaning of the code, for a server that could not send `closing` before. */
const CODES: Record<number, Close["reconnect"]> = { 4001: "no", 4002: "token", 4003: "no", 4004: "token", 4011: "no" };

/** A WebSocket cannot be read more slowly. The limit on waiting notifications ends it, and a new one gets the rest. */
export async function websocket(context: Context): Promise<Ending> {
  const url = address(context, "ws", `ack=explicit${context.asks}`, context.cursor).replace(/^http/, "ws");
  if (typeof WebSocket === "undefined") return ending("unsupported", "There is no WebSocket.", "no");
  let socket: WebSocket;
  try {
    socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${context.token}`]);
  } catch {
    // The page's policy forbids it. The error is not kept: it may hold the token.
    return ending("blocked", "A WebSocket does not get through.", "other");
  }
  const last = await new Promise<Ending | undefined>((resolve) => {
    let connected = false;
    let over = false;
    /** A ping of ours is not answered yet. */
    let pinged = false;
    let rested = true;
    let resting: unknown;
    const { timers } = context;
    const watchdog = new Watchdog(timers, OPEN_MS, () => {
      // A connection that never opened may have been refused, or lost on the way: undefined asks why.
      if (!connected) end(undefined);
      else if (pinged) end(ending("silent", "Nothing was heard."));
      else if (rested) probe();
      else watchdog.heard();
    });

    function end(how: Ending | undefined): void {
      if (over) return;
      over = true;
      watchdog.stop();
      timers.clearTimeout(resting);
      off();
      socket.close(1000);
      resolve(how);
    }
    const off = onAbort([context.signal], () => end(undefined));
    const say = (frame: ClientFrame): void => socket.send(JSON.stringify(frame));

    // A browser does not show the server's pings. Silence proves nothing, but silence after a ping of ours does (R42).
    function probe(): void {
      if (over || pinged || !rested) return;
      rested = false;
      resting = timers.setTimeout(() => (rested = true), PING_REST_MS);
      pinged = true;
      say({ type: "ping" });
      watchdog.within(PONG_MS);
    }

    // Before `connected`, any end may come from a proxy on the way that blocks WebSockets.
    const fail = (code: "lost" | "protocol", text: string): void => end(connected ? ending(code, text) : undefined);
    socket.addEventListener("close", ({ code, reason }) => {
      const reconnect = CODES[code];
      if (reconnect) end(ended({ code, reason, reconnect }));
      else fail("lost", `Closed with ${code} ${reason}`);
    });
    // Node 22 reports a refused upgrade only by this event.
    socket.addEventListener("error", () => fail("lost", "The connection ended."));
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      if (over) return;
      try {
        hear(JSON.parse(data) as ServerFrame);
      } catch {
        fail("protocol", "Invalid frame.");
      }
    });

    function hear(frame: ServerFrame): void {
      pinged = false;
      watchdog.heard();
      context.hear(frame);
      if (frame.type === "connected") {
        connected = true;
        // An older server takes a ping for a defect.
        watchdog.expect(frame.ping ? heartbeatMs(frame.heartbeat) * SILENT : NEVER_MS);
        // Only now: before it, the cursor may turn out not to be this client's.
        context.acknowledgeBy((cursor) => say({ type: "ack", cursor }));
        if (frame.ping) context.probeBy(probe);
      } else if (frame.type === "closing") end(ended(frame));
      else if (frame.type === "refresh") void refresh();
      else if (context.overfull()) end(ending("behind", "The handler is behind.", "room"));
    }

    async function refresh(): Promise<void> {
      // If the renewal fails now, the server closes when the old token expires, and gives that reason.
      const token = await context.newToken();
      if (token !== undefined && !over) say({ type: "refresh", token });
    }
  });
  return last ?? whyNot(context, "WebSocket");
}
