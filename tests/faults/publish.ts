import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { History, Outcome } from "./history.ts";
import type { Platform } from "./platform.ts";
import { copiesOf, platformId, type Note } from "./recipients.ts";

/**
 * Whether unaccepted notifications are sent again: never, or until they are accepted. Repeats need an id for each
 * notification, or an Idempotency-Key for each request (R51).
 */
export const REPEATS = ["never", "by id", "by key"] as const;
export type Repeats = (typeof REPEATS)[number];

const TICK_MS = 40;
/** By the load's end all faults are healed: the checker judges any notification that is still unaccepted. */
const LAST_REPEATS_MS = 30_000;

/** Publishes at a rate, with one request in flight, so that the answers have one order. */
export class LoadPublisher {
  readonly #stream: string;
  readonly #repeats: Repeats;
  readonly #platform: Platform;
  readonly #history: History;
  readonly #random: SeededRandom;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #ending = new AbortController();
  #receiver = "";
  #run: Promise<void> | undefined;

  constructor(
    { stream, token, repeats }: { stream: string; token: string; repeats: Repeats },
    { platform, history, random }: { platform: Platform; history: History; random: SeededRandom },
  ) {
    this.#stream = stream;
    this.#repeats = repeats;
    this.#token = token;
    this.#platform = platform;
    this.#history = history;
    this.#random = random;
    this.#receiver = random.pick(platform.receivers);
  }

  /**
   * `rate`: notifications a second; `most`: in one request. A slow answer's delay is not made up for: a fault must meet
   * load, not a burst.
   */
  start(rate: number, most: number, next: () => Note): void {
    this.#run = (async () => {
      let owed = 0;
      let last = performance.now();
      while (!this.#ending.signal.aborted) {
        await sleep(TICK_MS);
        const now = performance.now();
        owed = Math.min(owed + ((now - last) / 1_000) * rate, most);
        last = now;
        if (owed < 1) continue;
        await this.send(Array.from({ length: Math.floor(owed) }, next));
        owed -= Math.floor(owed);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#run;
    this.#agent.destroy();
  }

  async send(notes: Note[]): Promise<void> {
    const repeats = this.#repeats !== "never";
    const at = performance.now();
    for (const note of notes) {
      const { ttl } = note;
      const more = { ...(ttl !== undefined && { ttl: ttl * 1_000 }), ...(repeats && { repeats: true as const }) };
      for (const copy of copiesOf(note))
        this.#history.add({ kind: "send", ...copy, stream: this.#stream, at, ...more });
    }
    const items = notes.map((note) => {
      const { id, to, ttl, pad } = note;
      const own = this.#repeats === "by id" ? { id: randomUUID() } : {};
      const data = { id, pad, ...("group" in to && { each: true }) };
      return { note, line: JSON.stringify({ ...own, to, ttl, data }) };
    });
    const key = this.#repeats === "by key" ? { "idempotency-key": `"${randomUUID()}"` } : {};
    let open = await this.#attempt(items, key);
    if (this.#repeats === "never") return;
    for (let late = Number.POSITIVE_INFINITY; open.length > 0 && performance.now() < late;) {
      // A key stands for the whole request, byte for byte.
      open = await this.#attempt(this.#repeats === "by key" ? items : open, key);
      if (this.#ending.signal.aborted) late = Math.min(late, performance.now() + LAST_REPEATS_MS);
    }
  }

  /** Returns the unaccepted notifications. */
  async #attempt(items: Sending[], headers: Record<string, string>): Promise<Sending[]> {
    const { outcomes, ids, again } = await this.#post(items.map(({ line }) => line).join("\n"), items.length, headers);
    const at = performance.now();
    items.forEach(({ note }, index) => {
      const notification = ids?.get(index);
      for (const { id, key } of copiesOf(note)) {
        const more = notification === undefined ? {} : { notification: platformId(note, key, notification) };
        this.#history.add({ kind: "answer", id, outcome: outcomes[index]!, at, ...more });
      }
    });
    const open = items.filter((_, index) => outcomes[index] !== "ok");
    if (again || open.length > 0) {
      this.#receiver = this.#random.pick(this.#platform.receivers);
      await sleep(this.#random.between(50, 300));
    }
    return open;
  }

  #post(body: string, count: number, more: Record<string, string>): Promise<Outcomes> {
    const all = (outcome: Outcome): Outcomes => ({
      outcomes: Array.from({ length: count }, () => outcome),
      again: true,
    });
    return new Promise((resolve) => {
      const headers = {
        authorization: `Bearer ${this.#token}`,
        "content-type": "application/x-ndjson",
        "content-length": Buffer.byteLength(body),
        ...more,
      };
      const options = { agent: this.#agent, method: "POST", headers, timeout: 5_000 };
      const outgoing = request(`${this.#receiver}/v1/notifications`, options, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", () => resolve(all("unknown")));
        response.on("end", () => resolve(outcomesOf(response.statusCode ?? 0, Buffer.concat(parts).toString(), count)));
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
      outgoing.on("error", (error: NodeJS.ErrnoException) =>
        resolve(all(error.code === "ECONNREFUSED" ? "failed" : "unknown")),
      );
      outgoing.end(body);
    });
  }
}

interface Sending {
  note: Note;
  line: string;
}

interface Outcomes {
  outcomes: Outcome[];
  /** The platform's ids, by index. */
  ids?: Map<number, string>;
  /** Some failed: the next request goes to another receiver, a little later. */
  again: boolean;
}

interface Answer {
  type?: string;
  items?: { index: number; id?: string; problem?: { type: string } }[];
}

/** R51: a problem means that nothing was accepted, unless it names notifications with an unknown outcome. */
function outcomesOf(status: number, text: string, count: number): Outcomes {
  const outcomes = Array.from({ length: count }, (): Outcome => (status === 202 ? "ok" : "failed"));
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch {
    return { outcomes: outcomes.map(() => "unknown"), again: true };
  }
  const ids = new Map<number, string>();
  for (const { index, id, problem } of answer.items ?? []) {
    if (id !== undefined) ids.set(index, id);
    const slug = (status === 202 ? problem?.type : answer.type) ?? "";
    if (slug !== "") outcomes[index] = slug.endsWith("outcome-unknown") ? "unknown" : "failed";
  }
  if (status === 500) outcomes.fill("unknown");
  return { outcomes, ids, again: status !== 202 };
}
