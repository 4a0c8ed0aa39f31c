import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { SocketServer } from "#services/distributor/transports/socket-server.ts";
import { serverSettings } from "@saasaparilla/shared/http/settings.ts";

/**
 * The floor under the distributor, in a separate process: only the WebSocket library. It reads lines of `INDEX FRAME`,
 * and sends each frame to the socket of that index. A connection's token is its index. Frames of clients are ignored.
 */
const log = createLog("floor", "info");
const server = new SocketServer({
  health: new Health([]),
  registry: createRegistry("floor"),
  log,
  settings: { ...serverSettings.parse({}), KEEP_ALIVE: true },
});
const sockets: { send(message: Uint8Array, isBinary: boolean): number }[] = [];

server.app.ws<{ index: number }>("/v1/ws", {
  maxBackpressure: 64 << 20,
  upgrade(response, request, context) {
    response.upgrade(
      { index: Number(request.getHeader("authorization").slice("Bearer ".length)) },
      request.getHeader("sec-websocket-key"),
      "",
      request.getHeader("sec-websocket-extensions"),
      context,
    );
  },
  open(socket) {
    sockets[socket.getUserData().index] = socket;
    socket.send('{"type":"connected"}', false);
    socket.send('{"type":"live"}', false);
  },
});

server.post("/deliver", 1 << 22, (_, body) => {
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const end = body.indexOf(0x0a, space);
    sockets[Number(body.toString("latin1", at, space))]?.send(body.subarray(space + 1, end), false);
    at = end + 1;
  }
  return { status: 202 };
});

const port = await server.listen("127.0.0.1", 0);
log.info({ port }, "listening");
