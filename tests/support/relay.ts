import { once } from "node:events";
import { createServer, connect as connectTo, type AddressInfo, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A test's server in front of another one. `carry` connects each socket to the other. Both sides end together. */
export async function between(carry: (near: Socket) => Socket): Promise<{ url: string; cut(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = carry(near);
    for (const [one, peer] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => peer.destroy());
      one.on("close", () => {
        sockets.delete(one);
        peer.destroy();
      });
    }
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  onTestFinished(async () => {
    cut();
    await new Promise((done) => server.close(done));
  });
  return { cut, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A typical proxy: it can refuse upgrades, cut connections, and change its target. */
export async function relay(target: string, options: { refuseUpgrades?: boolean; swallowStreams?: boolean } = {}) {
  const state = { target, requests: [] as string[] };
  const server = await between((near) => {
    const { hostname, port } = new URL(state.target);
    const far = connectTo({ host: hostname, port: Number(port) });
    let swallow = false;
    near.on("data", (bytes) => {
      const head = bytes.toString("latin1");
      const [, path] = /^[A-Z]+ (\/[^ ?]*)/.exec(head) ?? [];
      if (path !== undefined) state.requests.push(path);
      swallow = options.swallowStreams === true && path === "/v1/sse";
      if (options.refuseUpgrades && /^upgrade: *websocket/im.test(head))
        near.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
      else far.write(bytes);
    });
    far.on("data", (bytes) => void (swallow || near.write(bytes)));
    return far;
  });
  return Object.assign(state, server);
}
