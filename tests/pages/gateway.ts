import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** The proxy between pages and distributors. It can cut or silently drop its connections, and change its target. */
export interface Gateway {
  url: string;
  /** The target of new connections. */
  target: string;
  /** Whether new connections are refused. */
  refuses: boolean;
  cut(): void;
  /** Stops all data on the open connections, which stay open. New connections work. */
  swallow(): void;
  close(): Promise<void>;
}

export async function startGateway(target: string): Promise<Gateway> {
  const sockets = new Set<Socket>();
  const swallowed = new WeakSet<Socket>();
  const server = createServer((near) => {
    const { hostname, port } = new URL(gateway.target);
    const far = connect({ host: hostname, port: Number(port), noDelay: true });
    for (const [one, peer] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("data", (bytes) => void peer.write(bytes));
      one.on("error", () => peer.destroy());
      one.on("close", () => {
        sockets.delete(one);
        // The other side never learns of it.
        if (!swallowed.has(one)) peer.destroy();
      });
    }
    if (gateway.refuses) near.destroy();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const gateway: Gateway = {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    target,
    refuses: false,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    swallow() {
      for (const socket of sockets) {
        swallowed.add(socket);
        socket.removeAllListeners("data").on("data", () => {});
      }
    },
    async close() {
      gateway.cut();
      server.close();
      await once(server, "close");
    },
  };
  return gateway;
}
