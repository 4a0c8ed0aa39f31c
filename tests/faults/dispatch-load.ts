import { queueKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { History } from "./history.ts";
import { LoadPublisher, REPEATS } from "./publish.ts";
import { QueueReader, type ReadMessage } from "./queue-reader.ts";
import type { Note } from "./recipients.ts";
import type { Rig } from "./rig.ts";
import { Scheduler } from "./scheduler.ts";

/** Publications a second. */
const RATES = { group: 3, changes: 20, jobs: 20 } as const;
const MOST_AT_ONCE = 40;
const MEMBERS = 20;
const WORKERS = 2;
const TENANT = "acme";
const PATIENCE_MS = 30_000;

/**
 * Publishes to a group of the load's clients and to two queues, fires a schedule, and consumes both queues: `changes`
 * by one reader of the feed, and a queue of jobs by workers that compete.
 */
export class DispatchLoad {
  readonly #rig: Rig;
  readonly #history: History;
  readonly #random: SeededRandom;
  readonly #name: string;
  readonly #members: readonly string[];
  readonly #scheduler: Scheduler;
  readonly #publishers: LoadPublisher[] = [];
  readonly #readers: QueueReader[] = [];
  #sent = 0;

  /** `keys`: the load's clients. */
  constructor(
    rig: Rig,
    keys: readonly string[],
    { name, history, random }: { name: string; history: History; random: SeededRandom },
  ) {
    this.#rig = rig;
    this.#history = history;
    this.#random = random;
    this.#name = name;
    this.#members = keys.filter((key) => key.startsWith(`${TENANT}/`)).slice(0, MEMBERS);
    this.#scheduler = new Scheduler(rig, { name, history, key: random.pick(this.#members) });
  }

  async start(): Promise<void> {
    const [group, jobs] = [`${this.#name}-group`, `${this.#name}-jobs`];
    await this.#fill(group);
    await this.#scheduler.start();
    await this.#publish(RATES.group, { group }, this.#members);
    await this.#publish(RATES.changes, { queue: "changes" }, [queueKey(TENANT, "changes")]);
    await this.#publish(RATES.jobs, { queue: jobs }, [queueKey(TENANT, jobs)]);
    await this.#consume("changes", "changes");
    for (let worker = 0; worker < WORKERS; worker += 1) await this.#consume(jobs, "claims");
  }

  /** Stops publishing. The readers go on. */
  async stop(): Promise<void> {
    await Promise.all([this.#scheduler.stop(), ...this.#publishers.map((publisher) => publisher.stop())]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.stop()));
  }

  async #publish(rate: number, to: Note["to"], keys: readonly string[]): Promise<void> {
    const stream = `${this.#name} ${JSON.stringify(to)}`;
    const token = await this.#rig.token({ publisher: "dispatch", tenant: TENANT, ttl: 86_400 });
    const parts = { platform: this.#rig, history: this.#history, random: this.#random };
    const publisher = new LoadPublisher({ stream, token, repeats: this.#random.pick(REPEATS) }, parts);
    if ("queue" in to) this.#history.add({ kind: "client", key: keys[0]!, steady: false });
    publisher.start(rate, MOST_AT_ONCE, () => {
      const id = `${this.#name}.dispatch.${(this.#sent += 1)}`;
      return { id, to, keys, pad: "" };
    });
    this.#publishers.push(publisher);
  }

  async #consume(queue: string, way: "changes" | "claims"): Promise<void> {
    const key = queueKey(TENANT, queue);
    // The feed may also have unconfirmed messages of earlier runs.
    const own = (messages: readonly ReadMessage[]) =>
      messages.flatMap(({ id: notification, data }) => {
        const { id } = data as { id: string };
        return id.startsWith(`${this.#name}.`) ? [{ id, notification }] : [];
      });
    const reader = await QueueReader.of(this.#rig, {
      tenant: TENANT,
      queue,
      way,
      random: this.#random,
      events: {
        read: (messages, asked) => {
          const at = performance.now();
          for (const message of own(messages))
            this.#history.add({ kind: "read", key, ...message, ordered: way === "changes", asked, at });
        },
        confirmed: (messages) => {
          const at = performance.now();
          for (const { notification } of own(messages)) this.#history.add({ kind: "confirm", key, notification, at });
        },
      },
    });
    reader.start();
    this.#readers.push(reader);
  }

  /** Repeats until the dispatcher has read the grant. */
  async #fill(group: string): Promise<void> {
    const token = await this.#rig.token({ publisher: "dispatch", tenant: TENANT });
    const { service } = this.#rig.of("dispatcher")[0]!;
    const add = this.#members.map((key) => key.slice(TENANT.length + 1));
    let said = "";
    for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; await sleep(200)) {
      const response = await fetch(`${service.url}/v1/groups/${group}/members`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
        body: JSON.stringify({ add }),
      });
      said = await response.text();
      if (response.ok) return;
    }
    throw new Error(`The group ${group} was not filled: ${said}`);
  }
}
