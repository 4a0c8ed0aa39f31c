import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the ports of outgoing connections, which could take the port while its service is away. */
const [FIRST, LAST] = [20_000, 30_000];

/** A port of 127.0.0.1 for a service that starts again at the same address. */
export async function fixedPort(): Promise<string> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    const server = createServer().listen(port, "127.0.0.1");
    const free = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, "close");
    return String(port);
  }
}
