import type { HttpResponse as UwsResponse, WebSocket } from "uWebSockets.js";
import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { CLIENT_FRAME_BYTES, SUBPROTOCOL } from "@saasaparilla/shared/protocol/client-frames.ts";
import { cursorTag } from "@saasaparilla/shared/protocol/notification.ts";
import { jittered } from "@saasaparilla/shared/http/problem.ts";
import type { Handshake, Entry } from "#admission/handshake.ts";
import { notAnUpgrade } from "./upgrade-required.ts";
import type { Connection } from "#sessions/connection.ts";
import type { Hub } from "#sessions/hub.ts";
import { SSE_HEADERS, SseWire } from "./sse.ts";
import type { DistributorSettings } from "#settings.ts";
import { send, type SocketServer } from "./socket-server.ts";
import { onFrame, WebSocketWire } from "./websocket.ts";

/** The only file here that knows the socket library's server: routes, upgrades, and what is called back for each socket. */
interface SocketData {
  entry: Entry;
  wire: WebSocketWire | undefined;
  connection: Connection | undefined;
}

const FLOOD_PAUSE_SECONDS = 10;

export function serveWebSocket(server: SocketServer, door: Handshake, hub: Hub, settings: DistributorSettings): void {
  const frames = { rate: settings.FRAME_RATE, burst: settings.FRAME_BURST };
  server.routes.push("WS /v1/ws");
  server.app.ws<SocketData>("/v1/ws", {
    maxPayloadLength: CLIENT_FRAME_BYTES,
    // The library pings within this time and closes what has not answered by its end.
    idleTimeout: Math.min(960, Math.max(8, Math.round((settings.HEARTBEAT_MS * 2) / 1_000))),
    sendPingsAutomatically: true,
    // The outbox is the bound: what is handed over is never dropped.
    maxBackpressure: 64 << 20,
    upgrade: (response, raw, context) => {
      const headers = server.check(response, raw);
      if (!headers) return;
      const request = server.copy(response, raw, headers, "/v1/ws");
      const refused = notAnUpgrade(request);
      if (refused) {
        server.send(response, request, refused);
        return;
      }
      const shown = server.cors.headers(headers.origin ?? "");
      const closed = door.closed(headers);
      if (closed) {
        refuse(response, closed, shown);
        return;
      }
      if (!server.cors.knows(request.headers.origin)) {
        refuse(response, door.stranger(request), shown);
        return;
      }
      const key = headers["sec-websocket-key"] ?? "";
      const extensions = headers["sec-websocket-extensions"] ?? "";
      admitted({ response, request, headers: shown }, door, (entry) => {
        // Not inside a cork of ours: at its end the library takes the socket, where it was not moved by the upgrade, for an HTTP
        // one still, and may close it.
        response.upgrade<SocketData>(
          { entry, wire: undefined, connection: undefined },
          key,
          entry.offered ? SUBPROTOCOL : "",
          extensions,
          context,
        );
      });
    },
    open(socket) {
      const data = socket.getUserData();
      const { key, identity, cursor, address, origin } = data.entry;
      data.wire = new WebSocketWire(socket, settings.OUTBOX_BYTES, data.entry.explicitAck, (sequence) => {
        if (data.connection) hub.step(data.connection, { type: "ack", sequence });
      });
      data.connection = hub.open({ key, identity, cursor, address, origin, wire: data.wire });
    },
    message(socket, message, isBinary) {
      const { connection } = socket.getUserData();
      if (!connection || !allowed(socket, "hears")) return;
      onFrame(isBinary ? undefined : Buffer.from(message), connection, hub, door);
    },
    ping: (socket) => void allowed(socket, "answers"),
    pong(socket, message) {
      const { wire } = socket.getUserData();
      if (wire && !wire.ponged(Buffer.from(message).toString("latin1"))) allowed(socket, "hears");
    },
    drain(socket) {
      const { connection, wire } = socket.getUserData();
      if (connection && wire?.writable) hub.drained(connection);
    },
    close(socket) {
      const { connection, wire } = socket.getUserData();
      wire?.gone();
      if (connection) hub.closed(connection);
    },
  });

  /** One that says too much is ended, and does not go on saying it while it reads how. */
  function allowed(socket: WebSocket<SocketData>, what: "hears" | "answers"): boolean {
    const { connection, wire } = socket.getUserData();
    if (!connection || !wire || wire[what](performance.now(), frames)) return true;
    hub.end(connection, { ...CloseCodes.flood, retryAfter: jittered(1, FLOOD_PAUSE_SECONDS) });
    wire.cut();
    return false;
  }
}

export function serveSse(server: SocketServer, door: Handshake, hub: Hub, settings: DistributorSettings): void {
  server.route("GET", "/v1/sse");
  server.app.get("/v1/sse", (response, raw) => {
    const headers = server.check(response, raw);
    if (!headers) return;
    const shown = server.cors.headers(headers.origin ?? "");
    const closed = door.closed(headers);
    if (closed) {
      refuse(response, closed, shown);
      return;
    }
    const request = server.copy(response, raw, headers, "/v1/sse");
    admitted(
      { response, request, headers: shown },
      door,
      ({ key, identity, cursor, address, origin: said, explicitAck }) => {
        // Of an origin that is not known the browser has shown its page nothing: it is no reason to end the stream later.
        const origin = shown["access-control-allow-origin"] === undefined ? undefined : said;
        const wire = new SseWire(response, {
          headers: shown,
          outboxBytes: settings.OUTBOX_BYTES,
          acknowledges: explicitAck,
          tag: cursorTag(key),
        });
        const connection = hub.open({ key, identity, cursor, address, origin, wire });
        wire.onDrained = () => hub.drained(connection);
        wire.onGone = () => hub.closed(connection);
      },
    );
  });
  server.head("/v1/sse", async (request) => {
    const entry = door.closed(request.headers) ?? (await door.admit(request));
    return "status" in entry ? entry : { status: 200, headers: SSE_HEADERS };
  });
}

interface Arrival {
  response: UwsResponse;
  request: Request;
  /** Of each answer. */
  headers: Readonly<Record<string, string>>;
}

/**
 * Runs `enter` where the caller may come in, and answers the problem otherwise: in the library's own handling of the request, so that
 * all that is said goes out in one write. Where the token has to be waited for, in a turn of its own, if the caller is still there:
 * a microtask can run inside the library's handling of another socket, and an upgrade there ends that other socket.
 */
function admitted({ response, request, headers }: Arrival, door: Handshake, enter: (entry: Entry) => void): void {
  const decide = (admission: Entry | HttpResponse): void => {
    const refused = "status" in admission ? admission : door.enter(admission);
    if (refused) response.cork(() => refuse(response, refused, headers));
    else enter(admission as Entry);
  };
  const admission = door.admit(request);
  if (!(admission instanceof Promise)) {
    decide(admission);
    return;
  }
  let gone = false;
  response.onAborted(() => (gone = true));
  void admission.then((late) => setImmediate(() => !gone && decide(late)));
}

/** Whoever is refused goes: in a storm their sockets would use up the descriptors. */
function refuse(response: UwsResponse, reply: HttpResponse, headers: Readonly<Record<string, string>>): void {
  send(response, { ...reply, headers: { ...reply.headers, ...headers }, close: true }, false);
}
