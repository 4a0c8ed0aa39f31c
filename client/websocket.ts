import { Watchdog } from "./backoff.ts";
import { address, ended, whyNot } from "./http.ts";
import type { ClientFrame, Close, Context, Ending, ServerFrame } from "./wire.ts";

const SUBPROTOCOL = "notifications.v1.json";
/** Until `connected`. */
const OPEN_MS = 10_000;
/** R30: what a server that could not say `closing` before it meant by its code. */
const CODES: Record<number, Close["reconnect"]> = { 4001: "no", 4002: "token", 4003: "no", 4004: "token", 4011: "no" };

/** A WebSocket cannot be read more slowly: what waits is bounded by ending it, and coming back for the rest. */
export async function websocket(context: Context): Promise<Ending> {
  const url = address(context, "ws", { cursor: context.cursor, ack: "explicit" });
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, [SUBPROTOCOL, `bearer.${context.token}`]);
  const ending = await new Promise<Ending | undefined>((resolve) => {
    let opened = false;
    let connected = false;
    let over = false;
    const watchdog = new Watchdog(context.timers, OPEN_MS, () => {
      // One that never opened may have been refused, or swallowed on the way: undefined asks why.
      if (!connected) end(undefined);
      else stir();
    });

    function end(how: Ending | undefined): void {
      if (over) return;
      over = true;
      watchdog.stop();
      context.signal.removeEventListener("abort", abort);
      context.acknowledgeBy(undefined);
      socket.close(1000);
      resolve(how);
    }
    const abort = (): void => end({ reason: "closed", reconnect: "no" });
    context.signal.addEventListener("abort", abort);
    // The server's pings are not shown to us, and silence proves nothing. But where the connection is gone, what we say into
    // it is answered by a reset, and ends it (R42).
    function stir(): void {
      const cursor = context.handled();
      if (cursor !== undefined) say({ type: "ack", cursor });
      watchdog.heard();
    }
    const say = (frame: ClientFrame): void => socket.send(JSON.stringify(frame));

    socket.addEventListener("open", () => (opened = true));
    socket.addEventListener("close", ({ code, reason }) => {
      end(opened ? { reason: reason || `closed with ${code}`, reconnect: CODES[code] ?? "later" } : undefined);
    });
    // Node 22 tells of a refused upgrade by this alone.
    socket.addEventListener("error", () =>
      end(opened ? { reason: "the connection failed", reconnect: "later" } : undefined),
    );
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      if (over) return;
      const frame = JSON.parse(data) as ServerFrame;
      if (frame.type === "connected") {
        connected = true;
        watchdog.expect(frame.heartbeat);
      }
      watchdog.heard();
      context.hear(frame);
      // Not before it: the cursor may turn out to be none of this client's.
      if (frame.type === "connected") context.acknowledgeBy((cursor) => say({ type: "ack", cursor }));
      else if (frame.type === "closing") end(ended(frame));
      else if (frame.type === "refresh") void refresh();
      else if (context.overfull()) end({ reason: "the handler is behind", reconnect: "room" });
    });

    async function refresh(): Promise<void> {
      // Where it cannot be had now, the server closes when the old one expires, and says so.
      const token = await context.newToken();
      if (token !== undefined && !over) say({ type: "refresh", token });
    }
  });
  return ending ?? whyNot(context, context.signal);
}
