import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { partitionOf, queueKey } from "@saasaparilla/shared/protocol/notification.ts";
import { writeOptions } from "@saasaparilla/shared/protocol/options.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { ConsoleApi } from "./console-api.ts";
import { produce } from "./kafka-records.ts";
import type { Service, Stack } from "./stack.ts";

export interface Message {
  id: string;
  receipt: string;
  event?: string;
  headers?: Record<string, unknown>;
  publishedAt: string;
  data: unknown;
  attempts: number;
}

export interface Answer {
  status: number;
  retryAfter: string | null;
  body: {
    messages: Message[];
    changes: { id: string; type: string | null; data: unknown; createdAt: string }[];
    more: boolean;
    confirmed: number;
    released: number;
    extended: number;
    unknown: string[];
    type: string;
  } & Record<string, unknown>;
  text: string;
}

/** Lets every consumer of the tenant `acme` consume these targets. */
export async function grantQueues(stack: Stack, desk: Service, targets = ["queue/*"]): Promise<void> {
  const operator = await ConsoleApi.of(stack, desk);
  await operator.does("PUT", "/acme/grants/consumers", { role: "consumer", subjects: ["*"], targets });
}

export interface Sent {
  id?: string;
  ttl?: number;
  event?: string;
  headers?: string;
  data?: string;
}

/** Writes messages to a queue of `acme`, in one record of accepted. Returns their ids. */
export async function sendToQueue(
  stack: Stack,
  partitions: number,
  queue: string,
  messages: readonly Sent[],
): Promise<string[]> {
  const key = queueKey("acme", queue);
  const writer = new PackWriter();
  const ids = messages.map(({ id = randomUUID(), headers, data = '"x"', ttl, event }) => {
    const options = headers === undefined ? undefined : writeOptions({ headers });
    const payload = Buffer.from(data);
    writer.notification({ key, id, payload, options, ...(ttl && { ttl }), ...(event && { event }) });
    return id;
  });
  await produce(stack, "accepted", partitionOf(key, partitions), [writer.take()]);
  return ids;
}

/** A consumer of queues, over HTTP. */
export class QueueConsumer {
  readonly #dispatcher: Pick<Service, "url">;
  readonly #token: string | undefined;

  constructor(dispatcher: Pick<Service, "url">, token: string | undefined) {
    this.#dispatcher = dispatcher;
    this.#token = token;
  }

  static async of(stack: Stack, dispatcher: Pick<Service, "url">): Promise<QueueConsumer> {
    return new QueueConsumer(dispatcher, await stack.token({ publisher: "consumer", scope: "consume" }));
  }

  async ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Answer> {
    const response = await fetch(`${this.#dispatcher.url}${path}`, {
      method,
      headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal && { signal }),
    });
    const text = await response.text();
    const retryAfter = response.headers.get("retry-after");
    return { status: response.status, retryAfter, body: JSON.parse(text) as Answer["body"], text };
  }

  /** Policies arrive a moment after they are written. */
  async untilGranted(queue: string): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const { status } = await this.read(queue);
      if (status === 200) return;
      if (tries === 200) throw new Error(`The consumer is answered ${status}.`);
      await sleep(50);
    }
  }

  read(queue: string, query = ""): Promise<Answer> {
    return this.ask("GET", `/v1/queues/${queue}/messages${query}`);
  }

  claim(queue: string, body: object = {}): Promise<Answer> {
    return this.ask("POST", `/v1/queues/${queue}/claims`, body);
  }

  confirm(queue: string, ...receipts: string[]): Promise<Answer> {
    return this.ask("POST", `/v1/queues/${queue}/confirmations`, { receipts });
  }
}
