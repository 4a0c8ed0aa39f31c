import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { SocketServer } from "#services/distributor/transports/socket-server.ts";
import { serverSettings } from "@saasaparilla/shared/http/settings.ts";

/**
 * The suite's peer, in a process of its own: the distributor's server, which echoes each message. It accepts the
 * suite's longest messages; the distributor limits them to 16 KB, and its own tests cover that.
 */
const log = createLog("autobahn", "warn");
const server = new SocketServer({
  health: new Health([]),
  registry: createRegistry("autobahn"),
  log,
  settings: { ...serverSettings.parse({}), KEEP_ALIVE: true },
});
server.app.ws("/*", {
  maxPayloadLength: 64 << 20,
  maxBackpressure: 256 << 20,
  idleTimeout: 30,
  sendPingsAutomatically: true,
  message: (socket, message, isBinary) => void socket.send(message, isBinary),
});
const port = await server.listen("127.0.0.1", Number(process.argv[2] ?? 0));
process.stdout.write(`${port}\n`);
process.once("SIGTERM", () => {
  server.close();
  process.exit(0);
});
