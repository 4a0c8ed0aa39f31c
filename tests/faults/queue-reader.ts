import { setTimeout as sleep } from "node:timers/promises";
import { queueKey } from "@saasaparilla/shared/protocol/notification.ts";
import { QueueConsumer, type Answer } from "#tests/support/queue-consumer.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { Rig } from "./rig.ts";

export interface ReadMessage {
  id: string;
  data: unknown;
}

interface Api {
  ask: [method: string, path: string, body?: unknown];
  /** The messages, each with the text that confirms it. */
  found(answer: Answer): { message: ReadMessage; confirmation: string }[];
  confirm(confirmations: readonly string[]): [method: string, path: string, body: unknown];
}

const receipts = {
  found: ({ body }: Answer) => body.messages.map((message) => ({ message, confirmation: message.receipt })),
};

/** The ways in which a consumer reads a queue (R70, R72, R74). */
export const APIS = {
  messages: (queue: string): Api => ({
    ask: ["GET", `/v1/queues/${queue}/messages?limit=200&wait=1`],
    ...receipts,
    confirm: (all) => ["POST", `/v1/queues/${queue}/confirmations`, { receipts: all }],
  }),
  claims: (queue: string): Api => ({
    ask: ["POST", `/v1/queues/${queue}/claims`, { limit: 50, seconds: 3 }],
    ...receipts,
    confirm: (all) => ["POST", `/v1/queues/${queue}/confirmations`, { receipts: all }],
  }),
  changes: (): Api => ({
    ask: ["GET", "/api/changes?limit=200&wait=1"],
    found: ({ body }) => body.changes.map(({ id, data }) => ({ message: { id, data }, confirmation: id })),
    confirm: (ids) => ["POST", "/api/confirm-changes", { ids }],
  }),
} as const;

export interface QueueEvents {
  read(messages: readonly ReadMessage[], asked: number): void;
  confirmed(messages: readonly ReadMessage[]): void;
}

const PAUSE_MS: [number, number] = [20, 150];

/** Reads a queue at any dispatcher, and confirms all of a page, again until it is answered. It never judges. */
export class QueueReader {
  readonly key: string;
  readonly #rig: Rig;
  readonly #api: Api;
  readonly #token: string;
  readonly #random: SeededRandom;
  readonly #events: QueueEvents;
  readonly #ending = new AbortController();
  #run: Promise<void> | undefined;

  private constructor(
    rig: Rig,
    options: { key: string; api: Api; token: string; random: SeededRandom; events: QueueEvents },
  ) {
    this.#rig = rig;
    this.key = options.key;
    this.#api = options.api;
    this.#token = options.token;
    this.#random = options.random;
    this.#events = options.events;
  }

  static async of(
    rig: Rig,
    {
      tenant,
      queue,
      way,
      ...rest
    }: {
      tenant: string;
      queue: string;
      way: keyof typeof APIS;
      random: SeededRandom;
      events: QueueEvents;
    },
  ): Promise<QueueReader> {
    const token = await rig.token({ publisher: "consumer", tenant, scope: "consume", ttl: 86_400 });
    return new QueueReader(rig, { ...rest, token, key: queueKey(tenant, queue), api: APIS[way](queue) });
  }

  start(): void {
    this.#run = (async () => {
      while (!this.#ending.signal.aborted) {
        await this.#turn();
        await sleep(this.#random.between(...PAUSE_MS));
      }
    })();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#run;
  }

  async #turn(): Promise<void> {
    const asked = performance.now();
    const answer = await this.#request(...this.#api.ask);
    if (!answer) return;
    const found = this.#api.found(answer);
    if (found.length === 0) return;
    const messages = found.map(({ message }) => message);
    this.#events.read(messages, asked);
    const request = this.#api.confirm(found.map(({ confirmation }) => confirmation));
    // Without an answer the next page has these messages again.
    if (await this.#request(...request)) this.#events.confirmed(messages);
  }

  async #request(method: string, path: string, body?: unknown): Promise<Answer | undefined> {
    const { service } = this.#random.pick(this.#rig.of("dispatcher"));
    const consumer = new QueueConsumer(service, this.#token);
    const answer = await consumer.ask(method, path, body, AbortSignal.timeout(5_000)).catch(() => undefined);
    return answer?.status === 200 ? answer : undefined;
  }
}
