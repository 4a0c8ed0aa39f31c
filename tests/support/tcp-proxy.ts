import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy that makes a dependency unavailable to only one service. */
export interface TcpProxy {
  /** host:port */
  address: string;
  /**
   * pass: all is forwarded. hang: connections stay open, and data waits until `pass`, as with a stopped process. mute:
   * sent data arrives, and its answer never does. deaf: sent data never arrives. refuse: no listener. slow:
   * everything comes late, in both directions. reset: each connection is reset, and so is each new one.
   */
  set(mode: Mode): Promise<void>;
  close(): Promise<void>;
}

export type Mode = "pass" | "hang" | "mute" | "deaf" | "refuse" | "slow" | "reset";

const SLOW_MS = 300;

/** Kafka tells its clients where its brokers are: the proxy puts its own port there. */
export function startKafkaProxy(broker: string): Promise<TcpProxy> {
  const [host = "", port = ""] = broker.split(":");
  return startProxy(broker, (ownPort) => {
    const frames = new Frames();
    return (bytes) => frames.read(bytes).map((frame) => withPort(frame, host, Number(port), ownPort));
  });
}

type Rewrite = (ownPort: number) => (bytes: Buffer) => Buffer[];

export async function startProxy(target: string, rewrite: Rewrite = () => (bytes) => [bytes]): Promise<TcpProxy> {
  const [host = "", port = ""] = target.split(":");
  const sockets = new Set<Socket>();
  const late = new WeakMap<Socket, number>();
  let mode: Mode = "pass";
  let ownPort = 0;

  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    return socket;
  };

  const accept = (client: Socket): void => {
    keep(client);
    const server = keep(connect({ host, port: Number(port) }));
    client.on("close", () => server.destroy());
    server.on("close", () => client.destroy());
    if (mode === "hang") for (const socket of [client, server]) socket.pause();
    if (mode === "reset") client.resetAndDestroy();
    client.on("data", (bytes) => {
      if (mode !== "deaf") forward(bytes, server);
    });
    const rewritten = rewrite(ownPort);
    server.on("data", (bytes) => {
      for (const part of rewritten(bytes)) if (mode !== "mute") forward(part, client);
    });
  };

  /** Data after a delayed part is also delayed, because it would overtake otherwise. */
  const forward = (bytes: Buffer, to: Socket): void => {
    const before = late.get(to) ?? 0;
    if (mode !== "slow" && before === 0) {
      to.write(bytes);
      return;
    }
    late.set(to, before + 1);
    setTimeout(() => {
      late.set(to, late.get(to)! - 1);
      if (!to.destroyed) to.write(bytes);
    }, SLOW_MS);
  };

  let listener: Server | undefined;
  const listen = async (): Promise<void> => {
    if (listener) return;
    listener = createServer(accept).listen(ownPort, "127.0.0.1");
    await once(listener, "listening");
    ownPort = (listener.address() as { port: number }).port;
  };
  const cut = async (): Promise<void> => {
    if (!listener) return;
    const closed = once(listener, "close");
    listener.close();
    listener = undefined;
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  await listen();
  return {
    address: `127.0.0.1:${ownPort}`,
    async set(next) {
      // Data was lost in one direction, so an open connection would wait for it forever.
      if (mode === "mute" || mode === "deaf") for (const socket of sockets) socket.destroy();
      mode = next;
      if (next === "refuse") await cut();
      else await listen();
      for (const socket of sockets) {
        if (next === "reset") socket.resetAndDestroy();
        else if (next === "hang") socket.pause();
        else socket.resume();
      }
    },
    close: cut,
  };
}

/** Every message of Kafka's protocol is a length, as four bytes, and that number of bytes. */
class Frames {
  #rest: Buffer = Buffer.alloc(0);

  read(bytes: Buffer): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const whole: Buffer[] = [];
    while (this.#rest.length >= 4) {
      const end = 4 + this.#rest.readInt32BE(0);
      if (this.#rest.length < end) break;
      whole.push(Buffer.from(this.#rest.subarray(0, end)));
      this.#rest = this.#rest.subarray(end);
    }
    return whole;
  }
}

/** In answers about the cluster a broker is its host (length, text) and its port (four bytes). */
function withPort(frame: Buffer, host: string, from: number, to: number): Buffer {
  const broker = Buffer.alloc(2 + host.length + 4);
  broker.writeInt16BE(host.length, 0);
  broker.write(host, 2);
  broker.writeInt32BE(from, 2 + host.length);
  for (let at = frame.indexOf(broker); at !== -1; at = frame.indexOf(broker, at + 1))
    frame.writeInt32BE(to, at + 2 + host.length);
  return frame;
}
