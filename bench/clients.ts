import type { Stack } from "../tests/stack.ts";
import { Latencies } from "./measure.ts";
import { openSocket, type LoadSocket } from "./socket.ts";

const OPENED_AT_ONCE = 100;

/** Clients over WebSockets that note what arrives: `data` is {"n": which, "t": ms when it was published}. */
export class LoadClients {
  readonly latencies = new Latencies();
  duplicates = 0;
  readonly #seen = new Set<number>();
  #sockets: LoadSocket[] = [];
  #live = 0;
  #arrived: () => void = () => {};

  get received(): number {
    return this.#seen.size;
  }

  /** Opens `count` and resolves, with the seconds that it took, when the replay of each is over. */
  async open(stack: Stack, distributor: string, count: number): Promise<number> {
    const url = new URL(`${distributor.replace("http", "ws")}/v1/ws`);
    const tokens = await Promise.all(Array.from({ length: count }, (_, index) => stack.token({ client: `c${index}` })));
    const started = performance.now();
    for (let index = 0; index < count; index += OPENED_AT_ONCE) {
      const some = tokens.slice(index, index + OPENED_AT_ONCE);
      this.#sockets.push(...(await Promise.all(some.map((token) => openSocket(url, token, this.#onText, () => {})))));
    }
    await this.#until(() => this.#live >= count, 60_000);
    return (performance.now() - started) / 1_000;
  }

  /** Resolves when so many different ones have arrived, or it is too late for them. */
  async all(count: number, deadlineMs: number): Promise<void> {
    await this.#until(() => this.received >= count, deadlineMs).catch(() => undefined);
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#sockets = [];
  }

  readonly #onText = (payload: Buffer): void => {
    const now = performance.now();
    const text = payload.toString("latin1");
    if (text.startsWith('{"type":"live"')) this.#live += 1;
    for (const [, n, t] of text.matchAll(/"n":(\d+),"t":([\d.]+)/g)) {
      if (this.#seen.has(Number(n))) this.duplicates += 1;
      this.#seen.add(Number(n));
      this.latencies.add(now - Number(t));
    }
    this.#arrived();
  };

  #until(holds: () => boolean, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`Not within ${deadlineMs} ms.`)), deadlineMs);
      this.#arrived = () => {
        if (!holds()) return;
        clearTimeout(late);
        this.#arrived = () => {};
        resolve();
      };
      this.#arrived();
    });
  }
}
