import { setTimeout as sleep } from "node:timers/promises";
import type { MEANS } from "#tests/noisy/neighbour-loads.ts";
import { startNeighbour } from "#tests/noisy/neighbour.ts";
import type { Rig } from "./rig.ts";
import type { Fault } from "./tools.ts";

const QUIET = "quiet";
/** The neighbour's requests a second: this machine runs two or three of each service, and their stores. */
const REQUESTS = 50;
/** ms between two notifications of the measured tenant. */
const EVERY_MS = 50;
/**
 * The longest permitted wait of another tenant's client, in ms: far less than the acknowledgement timeout that causes
 * storing.
 */
const MOST_MS = 2_000;

/**
 * A tenant that does its worst in one way, beside the load's two tenants and a third, whose client never waits long.
 */
export function loud(means: keyof typeof MEANS): Fault {
  return {
    name: `a loud neighbour: ${means}`,
    async run({ rig, random, wait }) {
      const place = {
        receiver: random.pick(rig.receivers),
        distributor: random.pick(rig.distributors),
        token: rig.token,
        rate: REQUESTS,
      };
      const probe = await Probe.of(rig, place.distributor, place.receiver);
      const neighbour = await startNeighbour(means, place);
      try {
        await wait(6_000, 120_000);
      } finally {
        await neighbour.end();
        await probe.end();
      }
      if (probe.worst > MOST_MS || probe.received === 0)
        throw new Error(`another tenant's client waited for ${Math.round(probe.worst)} ms, and got ${probe.received}`);
    },
  };
}

/** One client of a quiet tenant and its publisher: measures the worst delivery time. */
class Probe {
  worst = 0;
  received = 0;
  readonly #sent = new Map<number, number>();
  readonly #ending = new AbortController();
  #stopped = false;
  #publishing: Promise<void> = Promise.resolve();
  #reading: Promise<void> = Promise.resolve();

  static async of(rig: Rig, distributor: string, receiver: string): Promise<Probe> {
    const probe = new Probe();
    const client = `probe-${performance.now()}`;
    const [reads, writes] = await Promise.all([
      rig.token({ client, tenant: QUIET }),
      rig.token({ publisher: "probe", tenant: QUIET }),
    ]);
    const headers = { authorization: `Bearer ${reads}` };
    const stream = await fetch(`${distributor}/v1/sse?ack=explicit`, { headers, signal: probe.#ending.signal });
    const acknowledge = (cursor: string): Promise<unknown> =>
      fetch(`${distributor}/v1/acks`, { method: "POST", headers, body: JSON.stringify({ cursor }) });
    probe.#reading = probe.#read(stream, acknowledge).catch(() => {});
    probe.#publishing = probe.#publish(receiver, writes, client);
    return probe;
  }

  /** Waits for pending notifications: they count, too. */
  async end(): Promise<void> {
    this.#stopped = true;
    await this.#publishing;
    for (const deadline = performance.now() + MOST_MS * 2; this.#sent.size > 0 && performance.now() < deadline;)
      await sleep(20);
    for (const at of this.#sent.values()) this.#waited(performance.now() - at);
    this.#ending.abort();
    await this.#reading;
  }

  async #publish(receiver: string, token: string, client: string): Promise<void> {
    for (let n = 0; !this.#stopped; n += 1) {
      this.#sent.set(n, performance.now());
      const answer = await fetch(`${receiver}/v1/notifications`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ to: { client }, data: n }),
      });
      await answer.text();
      if (answer.status !== 202) this.#sent.delete(n);
      await sleep(EVERY_MS);
    }
  }

  async #read(stream: Response, acknowledge: (cursor: string) => Promise<unknown>): Promise<void> {
    let text = "";
    for await (const bytes of stream.body!.pipeThrough(new TextDecoderStream())) {
      text += bytes;
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        const [, cursor, n] = /^data: \{"type":"notification".*"cursor":"(\w+)".*"data":(\d+)\}$/.exec(line) ?? [];
        const at = n === undefined ? undefined : this.#sent.get(Number(n));
        if (at === undefined) continue;
        void acknowledge(cursor!).catch(() => {});
        this.#sent.delete(Number(n));
        this.received += 1;
        this.#waited(performance.now() - at);
      }
    }
  }

  #waited(ms: number): void {
    this.worst = Math.max(this.worst, ms);
  }
}
