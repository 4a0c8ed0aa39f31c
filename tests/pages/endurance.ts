import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, CDPSession, Page } from "playwright-core";
import { SeededRandom } from "#tests/support/seeded-random.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";
import { launchChromium } from "./chromium.ts";
import { startGateway, type Gateway } from "./gateway.ts";
import type { Harness, Seen } from "./harness.ts";
import { RotatingKey } from "./rotating-key.ts";
import { startSite, type Site } from "./site.ts";

/**
 * A page that is repeatedly frozen, put offline, cut, silently dropped, moved to another distributor and given a
 * rotated key, while notifications arrive. In the end each of its subscribers is live, and has every notification once
 * and in order.
 */
export const TRANSPORTS = ["auto", "websocket", "sse", "poll"] as const;

/** Returns nothing; each fault is described by its name. Each restores the network. */
const FAULTS: Record<string, (bed: TestBed, random: SeededRandom) => Promise<void>> = {
  async freeze(bed, random) {
    const { devtools } = bed;
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    await sleep(bed.pace * random.between(2_000, 20_000));
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
  },
  async offline(bed, random) {
    const { page } = bed;
    await page.context().setOffline(true);
    await sleep(bed.pace * random.between(1_000, 15_000));
    await page.context().setOffline(false);
  },
  async cut({ gateway }) {
    gateway.cut();
  },
  async refuse(bed, random) {
    const { gateway } = bed;
    gateway.refuses = true;
    gateway.cut();
    await sleep(bed.pace * random.between(1_000, 10_000));
    gateway.refuses = false;
  },
  async swallow({ gateway }) {
    gateway.swallow();
  },
  async move(bed) {
    await bed.move("SIGTERM");
  },
  async kill(bed) {
    await bed.move("SIGKILL");
  },
  async rotate(bed) {
    await bed.key.rotate();
  },
};

/** A silent connection goes unnoticed for 38 s, and the key of the next one may be unknown for 35 s more. */
const RECOVERY_MS = 100_000;

export interface Report {
  published: number;
  faults: Record<string, number>;
  /** For each subscriber. */
  subscribers: Record<string, { connections: number; transport: string }>;
  /** The longest ms, by fault, from the end of the fault until all are live and have everything. */
  slowest: Record<string, number>;
}

export class TestBed {
  readonly stack: Stack;
  readonly site: Site;
  readonly key: RotatingKey;
  readonly gateway: Gateway;
  readonly page: Page;
  readonly devtools: CDPSession;
  /** Scales the duration of a fault. */
  pace = 1;
  /** The library's waits that are shorter. */
  waits: Record<number, number> = {};
  readonly #browser: Browser;
  #distributor: Service;

  private constructor(parts: {
    stack: Stack;
    site: Site;
    key: RotatingKey;
    gateway: Gateway;
    page: Page;
    devtools: CDPSession;
    browser: Browser;
  }) {
    ({ stack: this.stack, site: this.site, key: this.key, gateway: this.gateway } = parts);
    ({ page: this.page, devtools: this.devtools } = parts);
    this.#browser = parts.browser;
    this.#distributor = this.stack.services.find(({ kind }) => kind === "distributor")!;
  }

  static async start(env: Record<string, string> = {}): Promise<TestBed> {
    const site = await startSite();
    const stack = await startStack({
      services: ["receiver", "director", "distributor"],
      env: { ALLOWED_ORIGINS: site.origin, DRAIN_MS: "500", LEASE_MS: "3000", ...env },
    });
    const key = new RotatingKey(stack);
    site.token = (client) => key.token({ client, ttl: 300 });
    const gateway = await startGateway(stack.services.find(({ kind }) => kind === "distributor")!.url);
    const browser = await launchChromium();
    const page = await (await browser.newContext()).newPage();
    await page.goto(site.origin);
    const devtools = await page.context().newCDPSession(page);
    return new TestBed({ stack, site, key, gateway, page, devtools, browser });
  }

  /** Moves to another distributor; the old one ends. */
  async move(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const before = this.#distributor;
    this.#distributor = await this.stack.start("distributor");
    this.gateway.target = this.#distributor.url;
    if (signal === "SIGTERM") await before.stop();
    else before.kill(signal);
  }

  async open(name: string, client: string, transport: (typeof TRANSPORTS)[number]): Promise<void> {
    const start = { name, client, transport, url: this.gateway.url, waits: this.waits };
    await this.page.evaluate((given) => (globalThis as unknown as { harness: Harness }).harness.start(given), start);
  }

  seen(name: string): Promise<Seen> {
    return this.page.evaluate((given) => (globalThis as unknown as { harness: Harness }).harness.seen(given), name);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.gateway.close();
    await this.site.close();
    await this.stack.close();
  }
}

export interface Endurance {
  minutes: number;
  seed: number;
  /** Between two rounds of notifications. */
  everyMs: number;
  said?: (line: string) => void;
}

export async function endure(bed: TestBed, { minutes, seed, everyMs, said }: Endurance): Promise<Report> {
  const random = new SeededRandom(seed);
  // A short run has short faults, and abandons a silent WebSocket or poll sooner.
  bed.pace = Math.min(1, minutes / 5);
  if (minutes < 1) bed.waits = { 10_000: 4_000, 35_000: 8_000 };
  const publisher = await Publisher.of(bed.stack);
  const clients = new Map(TRANSPORTS.map((transport) => [transport as string, `endures-${transport}`]));
  for (const [transport, client] of clients)
    await bed.open(transport, client, transport as (typeof TRANSPORTS)[number]);
  const report: Report = { published: 0, faults: {}, subscribers: {}, slowest: {} };
  const stream = publisher.stream([...clients.values()], everyMs);
  const deadline = performance.now() + minutes * 60_000;
  try {
    await recovered();
    do {
      for (const name of shuffled(Object.keys(FAULTS), random)) {
        await FAULTS[name]!(bed, random);
        const ms = await recovered();
        report.faults[name] = (report.faults[name] ?? 0) + 1;
        report.slowest[name] = Math.max(report.slowest[name] ?? 0, Math.round(ms));
        said?.(`${name}: all live after ${Math.round(ms)} ms`);
        // A short run does each fault once.
        if (performance.now() > deadline && Object.keys(report.faults).length === Object.keys(FAULTS).length) break;
        await sleep(Math.min(random.between(0, 20_000), Math.max(0, deadline - performance.now())));
      }
    } while (performance.now() < deadline);
  } finally {
    await stream.stop();
  }
  for (const [transport, client] of clients) {
    const all = publisher.accepted(client).length;
    await until(transport, ({ state, received }) => state === "live" && received.length >= all);
    const { received, statuses, transport: over } = await bed.seen(transport);
    const expected = publisher.accepted(client).map((_, n) => ({ n, pad: "" }));
    if (JSON.stringify(received) !== JSON.stringify(expected))
      throw new Error(`${transport}: ${received.length} received, ${expected.length} published, or not in order`);
    report.published += expected.length;
    const connections = statuses.filter(({ state }) => state === "replaying").length;
    report.subscribers[transport] = { connections, transport: over };
  }
  return report;

  /** ms until each is live, and has a notification that was accepted after this began. */
  async function recovered(): Promise<number> {
    const began = performance.now();
    await Promise.all(
      [...clients].map(([transport, client]) => {
        const next = publisher.accepted(client).length + 1;
        return until(transport, ({ state, received }) => state === "live" && received.length >= next);
      }),
    );
    return performance.now() - began;
  }

  async function until(name: string, holds: (seen: Seen) => boolean): Promise<void> {
    const deadline = performance.now() + RECOVERY_MS;
    for (;;) {
      const seen = await bed.seen(name);
      if (holds(seen)) return;
      if (performance.now() > deadline) {
        const last = JSON.stringify(seen.statuses.slice(-5));
        throw new Error(
          `${name} is ${seen.state} with ${seen.received.length} received after ${RECOVERY_MS} ms: ${last}`,
        );
      }
      await sleep(100);
    }
  }
}

function shuffled<T>(list: readonly T[], random: SeededRandom): T[] {
  const left = [...list];
  return list.map(() => left.splice(random.below(left.length), 1)[0]!);
}
