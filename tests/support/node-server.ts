import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setImmediate as turn, setTimeout as later } from "node:timers/promises";
import { afterEach } from "vitest";
import type { Heard } from "./raw-requests.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { HttpServer } from "@saasaparilla/shared/http/server.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { createRegistry } from "@saasaparilla/shared/runtime/metrics.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { nodeServerSettings } from "@saasaparilla/shared/http/settings.ts";

/** The services' HTTP server on Node, in this process: a test sees the requests, and the bytes that Node reads. */
const servers: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

export const accepted = (body: string): HttpResponse => ({
  status: 202,
  headers: { "content-type": "text/plain" },
  body,
});

export async function serve(env: Record<string, string> = {}, handlerMs = 50) {
  const handled: string[] = [];
  const registry = createRegistry("test");
  const settings = readSettings(nodeServerSettings, { SOCKET_RATE: "1000000", SOCKET_BURST: "1000000", ...env });
  const server = new HttpServer({ health: new Health([]), registry, log: createLog("test", "silent"), settings });
  servers.push(server);
  server.post("/p", 1 << 20, async (_, body) => {
    handled.push(body.toString());
    await later(handlerMs);
    return accepted(body.toString());
  });
  const port = await server.listen("127.0.0.1", 0);
  const cut = async (reason: string): Promise<number> =>
    Number(
      new RegExp(`^http_connections_cut_total\\{reason="${reason}".*\\} (\\d+)$`, "m").exec(
        await registry.metrics(),
      )?.[1] ?? 0,
    );
  return { server, handled, url: `http://127.0.0.1:${port}`, port, cut };
}

export const HOST = "host: x\r\n";
export const post = (body: string, headers = "", version = "1.1"): string =>
  `POST /p HTTP/${version}\r\n${HOST}content-length: ${body.length}\r\n${headers}\r\n${body}`;
export const get = (path: string, headers = ""): string => `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`;
export const statuses = ({ answers }: Heard): number[] => answers.map(({ status }) => status);

export async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket.pause();
}

export const ended = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => socket.once("end", resolve).once("close", resolve));

export async function readAll(socket: Socket): Promise<string> {
  let text = "";
  for await (const bytes of socket.setEncoding("latin1")) text += bytes;
  return text;
}

/**
 * A connection whose peer does not read: the kernel's buffer is full, and less than Node's pause limit waits in the
 * process.
 */
export async function fill(server: HttpServer, port: number) {
  const body = "x".repeat(30_000);
  server.get("/u", () => ({ status: 200, body }));
  let begun = 0;
  let peer: Socket | undefined;
  const see = (message: unknown): void => {
    begun += 1;
    ({ socket: peer } = message as { socket: Socket });
  };
  subscribe("http.server.request.start", see);
  const socket = await dial(port);
  const unread = (): number => peer?.writableLength ?? 0;
  const hasBegun = (): number => begun;
  while (unread() === 0) {
    const before = hasBegun() + 1;
    socket.write(get("/u"));
    while (hasBegun() < before) await turn();
    await turn();
  }
  const end = (): void => {
    unsubscribe("http.server.request.start", see);
    socket.destroy();
  };
  return { socket, begun: hasBegun, end, body };
}
