import type { HttpResponse as UwsResponse, WebSocket } from "uWebSockets.js";
import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import { named } from "@saasaparilla/shared/http/refused-request.ts";
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

/** The only file that depends on the socket library's server: routes, upgrades, and the callbacks of each socket. */
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
    // The library pings within this time, and closes sockets that have not answered by its end.
    idleTimeout: Math.min(960, Math.max(8, Math.round((settings.HEARTBEAT_MS * 2) / 1_000))),
    sendPingsAutomatically: true,
    // The outbox is the bound: data handed over is never dropped.
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
        refuse(response, named(request, closed, server.onRefused), shown);
        return;
      }
      if (!server.cors.knows(request.headers.origin)) {
        refuse(response, named(request, door.stranger(request), server.onRefused), shown);
        return;
      }
      const key = headers["sec-websocket-key"] ?? "";
      const extensions = headers["sec-websocket-extensions"] ?? "";
      admitted({ server, response, request, headers: shown }, door, (entry) => {
        // Not inside our cork. At the cork's end, the library treats a socket that the upgrade did not move as HTTP. It
        // may close that socket.
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
      const { key, identity, cursor, retracts, address, origin } = data.entry;
      data.wire = new WebSocketWire(socket, settings.OUTBOX_BYTES, data.entry.explicitAck, (sequence) => {
        if (data.connection) hub.step(data.connection, { type: "ack", sequence });
      });
      data.connection = hub.open({ key, identity, cursor, retracts, address, origin, wire: data.wire });
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

  /** A client that sends too much is ended. It cannot continue while it reads the reason. */
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
      refuse(response, named({ method: "get", path: "/v1/sse" }, closed, server.onRefused), shown);
      return;
    }
    const request = server.copy(response, raw, headers, "/v1/sse");
    admitted(
      { server, response, request, headers: shown },
      door,
      ({ key, identity, cursor, retracts, address, origin: said, explicitAck }) => {
        // The browser shows the page nothing of an unknown origin. Such an origin is no reason to end the stream later.
        const origin = shown["access-control-allow-origin"] === undefined ? undefined : said;
        const wire = new SseWire(response, {
          headers: shown,
          outboxBytes: settings.OUTBOX_BYTES,
          acknowledges: explicitAck,
          tag: cursorTag(key),
        });
        const connection = hub.open({ key, identity, cursor, retracts, address, origin, wire });
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
  server: Pick<SocketServer, "onRefused">;
  response: UwsResponse;
  request: Request;
  /** The headers of each answer. */
  headers: Readonly<Record<string, string>>;
}

/**
 * Runs `enter` if the caller is admitted, and sends the problem otherwise. It runs within the library's handling of the
 * request, so that everything goes out in one write. If the token must be awaited, it runs in a turn of its own, unless
 * the caller is gone. A microtask can run inside the library's handling of another socket, and an upgrade there would
 * end that socket.
 */
function admitted(
  { server, response, request, headers }: Arrival,
  door: Handshake,
  enter: (entry: Entry) => void,
): void {
  const decide = (admission: Entry | HttpResponse): void => {
    const refused = "status" in admission ? admission : door.enter(admission);
    if (refused) response.cork(() => refuse(response, named(request, refused, server.onRefused), headers));
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

/** A refused client is disconnected: in a storm, its sockets would use up the descriptors. */
function refuse(response: UwsResponse, reply: HttpResponse, headers: Readonly<Record<string, string>>): void {
  send(response, { ...reply, headers: { ...reply.headers, ...headers }, close: true }, false);
}
