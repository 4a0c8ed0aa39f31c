import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/**
 * What stands between pages and distributors. Its connections can be cut or silently swallowed, and it can lead
 * elsewhere.
 */
export interface Gateway {
  url: string;
  /** Where new connections lead. */
  target: string;
  /** Whether new connections are refused. */
  refuses: boolean;
  cut(): void;
  /** Nothing more passes on the connections that are open, and they stay open. New ones pass. */
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
        // The other side never hears of it.
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
