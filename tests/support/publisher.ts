import { setTimeout as sleep } from "node:timers/promises";
import type { Service, Stack } from "./stack.ts";

export interface Item {
  client: string;
  /** Sent as exactly these bytes. */
  json: string;
  /** The publisher's own id. */
  id?: string;
  event?: string;
  ttl?: number;
}

/** Publishes, and lists the accepted notifications, which subscribers are checked against. */
export class Publisher {
  #receiver: Service;
  readonly #token: string;
  /** Ids by client, in the order of publishing. */
  readonly #accepted = new Map<string, string[]>();

  private constructor(receiver: Service, token: string) {
    this.#receiver = receiver;
    this.#token = token;
  }

  static async of(stack: Stack, tenant = "acme"): Promise<Publisher> {
    const receiver = stack.services.find(({ kind }) => kind === "receiver")!;
    return new Publisher(receiver, await stack.token({ publisher: "tests", tenant }));
  }

  /** Later requests go to this receiver. */
  use(receiver: Service): void {
    this.#receiver = receiver;
  }

  accepted(client: string): readonly string[] {
    return this.#accepted.get(client) ?? [];
  }

  /** Publishes in one request. The items keep their order. */
  async publish(items: Item[], headers: Record<string, string> = {}): Promise<string[]> {
    const lines = items.map(({ client, json, ...rest }) => {
      const head = JSON.stringify({ to: { client }, ...rest });
      return `${head.slice(0, -1)},"data":${json}}`;
    });
    const response = await fetch(`${this.#receiver.url}/v1/notifications`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson", authorization: `Bearer ${this.#token}`, ...headers },
      body: lines.join("\n"),
    });
    const text = await response.text();
    const said = JSON.parse(text) as { accepted?: number; items: { id: string }[] };
    if (said.accepted !== items.length) throw new Error(`Not everything was accepted: ${response.status} ${text}`);
    return said.items.map(({ id }, index) => {
      const { client } = items[index]!;
      let list = this.#accepted.get(client);
      if (!list) this.#accepted.set(client, (list = []));
      list.push(id);
      return id;
    });
  }

  /** Publishes `count` to each of these clients, numbered by client. */
  async number(clients: string | string[], count = 1, pad = ""): Promise<void> {
    const all = [clients].flat();
    const items = Array.from({ length: count }, (_, at) =>
      all.map((client) => ({ client, json: `{"n":${this.accepted(client).length + at},"pad":"${pad}"}` })),
    ).flat();
    const most = Math.max(1, Math.min(1_000, Math.floor(2_000_000 / (pad.length + 200))));
    for (let from = 0; from < items.length; from += most) await this.publish(items.slice(from, from + most));
  }

  /** Publishes one to each client, repeatedly, until stopped. */
  stream(clients: string[], everyMs: number): { stop(): Promise<void> } {
    const ending = new AbortController();
    const run = (async () => {
      while (!ending.signal.aborted) {
        await this.number(clients);
        await sleep(everyMs);
      }
    })();
    // stop() awaits this promise, and reports its failure.
    run.catch(() => {});
    return {
      stop() {
        ending.abort();
        return run;
      },
    };
  }
}
