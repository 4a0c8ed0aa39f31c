import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import { SocketServer } from "#services/distributor/transports/socket-server.ts";
import { serverSettings } from "@saasaparilla/shared/http/settings.ts";

/**
 * What the suite speaks with, a process of its own: the server of the distributor, which says back what it hears. Its messages may be as
 * long as the suite's longest; the distributor's end at 16 KB, which is tested with it.
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
