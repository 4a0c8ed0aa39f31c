import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Connection } from "@saasaparilla/client";
import { UserError } from "#local/process/user-error.ts";
import { until } from "./project.ts";

/** The most items of an inbox. */
const MOST_LISTED = 500;

interface Page {
  items: { id: string; mark: string | null; data: { number: number } }[];
  unread: number;
}

type Transport = "websocket" | "sse" | "poll";

/** One client: each notification for it must arrive once, in order, over any number of connections. */
export class Subscriber {
  readonly client: string;
  readonly #url: string;
  readonly #token: string;
  readonly #published: number[] = [];
  readonly #received: number[] = [];
  #connection: Connection | undefined;
  #cursor: string | undefined;

  constructor(url: string, client: string, token: string) {
    this.client = client;
    this.#url = url;
    this.#token = token;
  }

  get received(): number {
    return this.#received.length;
  }

  async connect(transport: Transport): Promise<void> {
    const connection = connect({
      url: this.#url,
      token: this.#token,
      transport,
      onNotification: ({ data }) => void this.#received.push((data as { number: number }).number),
      ...(this.#cursor !== undefined && { cursor: this.#cursor }),
    });
    this.#connection = connection;
    await until(`${this.client} is not live over ${transport}`, () => connection.state === "live");
  }

  async leave(): Promise<void> {
    await this.#connection?.close();
    this.#cursor = this.#connection?.cursor;
    this.#connection = undefined;
  }

  /** Its inbox has what it received, the newest first, each once. Returns the ids of the first page. */
  async listed(): Promise<string[]> {
    const wanted = this.#received.toReversed().slice(0, MOST_LISTED).join();
    let page: Page | undefined;
    await until(`the inbox of ${this.client} has other notifications than it received`, async () => {
      page = (await this.#inbox("?limit=500")) as Page | undefined;
      return page?.items.map(({ data }) => data.number).join() === wanted;
    });
    return page!.items.map(({ id }) => id);
  }

  /** Marks these, and sees in a list that no other item has the mark. */
  async read(ids: readonly string[]): Promise<void> {
    const wrong = `the inbox of ${this.client} does not show ${ids.length} items as read`;
    await until(wrong, async () => (await this.#inbox("/marks", { ids, mark: "read" })) !== undefined);
    await until(wrong, async () => {
      const page = (await this.#inbox("?limit=500")) as Page | undefined;
      const read = page?.items.filter(({ mark }) => mark === "read").map(({ id }) => id);
      return read?.toSorted().join() === ids.toSorted().join() && page!.unread === page!.items.length - ids.length;
    });
  }

  /** Undefined: it is not answered, as while a courier starts. */
  async #inbox(path: string, body?: unknown): Promise<unknown> {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const init = body === undefined ? { headers } : { headers, method: "POST", body: JSON.stringify(body) };
    try {
      const response = await fetch(`${this.#url}/v1/inbox${path}`, init);
      const text = await response.text();
      return response.status === 200 ? JSON.parse(text) : undefined;
    } catch {
      return undefined;
    }
  }

  next(): number {
    this.#published.push(this.#published.length + 1);
    return this.#published.length;
  }

  async arrived(): Promise<void> {
    const wrong = () => `${this.client} has ${this.#received.length} of ${this.#published.length} notifications`;
    await until("not all has arrived", () => this.#received.length >= this.#published.length).catch(() => {
      throw new UserError(`${wrong()}.`, "");
    });
    if (this.#received.join() !== this.#published.join())
      throw new UserError(`${wrong()}, and not each once in order:`, this.#received.join(" "));
  }
}

/**
 * Publishes to each client in turn until stopped, one request at a time. An unaccepted notification is sent again
 * under the same id.
 */
export class Publisher {
  readonly #url: string;
  readonly #token: string;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Answers other than 202, and requests without one. */
  refused = 0;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async publish(to: Subscriber): Promise<void> {
    const body = JSON.stringify({ id: randomUUID(), to: { client: to.client }, data: { number: to.next() } });
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    await until(`nothing is accepted for ${to.client}`, async () => {
      try {
        const response = await fetch(`${this.#url}/v1/notifications`, { method: "POST", headers, body });
        await response.arrayBuffer();
        if (response.status === 202) return true;
      } catch {
        // Sent again, like a refused one.
      }
      this.refused += 1;
      return false;
    });
  }

  start(subscribers: readonly Subscriber[]): void {
    this.#stopped = false;
    this.#running = (async () => {
      while (!this.#stopped) {
        await Promise.all(subscribers.map((to) => this.publish(to)));
        await sleep(20);
      }
    })();
    // stop() reports it.
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}
