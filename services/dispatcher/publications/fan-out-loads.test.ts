import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { WHOLE } from "#groups/member-store.ts";
import { FanOut, type FanOutParts } from "./fan-out.ts";
import { SLICES_OF_TENANT, type Load } from "./open-slices.ts";
import type { StoredHead } from "./publication-insert.ts";
import type { Slice } from "./publication-store.ts";

/** Running publications to one member each: `deep` of them for each of a tenant's `keys`. */
class Backlog {
  readonly #keys = new Map<string, Slice[]>();
  readonly #after = new Map<string, string>();
  loads = 0;
  /** Tenants in the order in which their publications were written. */
  readonly written: string[] = [];

  add(tenant: string, keys: number, deep: number): void {
    for (let key = 0; key < keys; key += 1) {
      const name = `${tenant}/group:${key}`;
      this.#keys.set(
        name,
        Array.from({ length: deep }, (_, n) => sliceOf(tenant, name, `${name} ${n}`)),
      );
    }
  }

  /** As Postgres answers: the first of each key, and a bounded number of a tenant. */
  open(full: readonly string[]): Load {
    this.loads += 1;
    const first = Array.from(this.#keys.values(), ([slice]) => slice).filter((slice) => slice !== undefined);
    const byTenant = Map.groupBy(first, ({ tenant }) => tenant);
    for (const tenant of full) byTenant.delete(tenant);
    const slices = Array.from(byTenant.values(), (ofTenant) => this.#turn(ofTenant)).flat();
    return { slices, finished: [], more: slices.length < first.length };
  }

  /** The next load begins behind the last key of this one. */
  #turn(slices: Slice[]): Slice[] {
    const [{ tenant }] = slices as [Slice];
    const after = this.#after.get(tenant) ?? "";
    const next = slices.filter(({ key }) => key > after).toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const taken = next.slice(0, SLICES_OF_TENANT);
    this.#after.set(tenant, taken.length === SLICES_OF_TENANT ? taken.at(-1)!.key : "");
    return taken;
  }

  end(id: string): void {
    for (const slices of this.#keys.values()) if (slices[0]?.id === id) slices.shift();
  }

  get left(): number {
    return Array.from(this.#keys.values()).reduce((sum, { length }) => sum + length, 0);
  }
}

function sliceOf(tenant: string, key: string, id: string): Slice {
  const to = { client: "u1" };
  const head: StoredHead = { id, tenant, publisher: "shop", to, targets: [to] };
  const place = { target: 0, after: "" as const, written: 0, expected: 1 };
  return {
    ...place,
    id,
    tenant,
    key,
    head,
    slice: WHOLE,
    cancelling: false,
    begun: false,
    payload: Buffer.from("1"),
  };
}

function fanOutOf(backlog: Backlog, more: Partial<FanOutParts> = {}): FanOut {
  const parts: FanOutParts = {
    changes: {
      begin: () => Promise.resolve(true),
      advance: () => Promise.resolve("running"),
      end: ({ id }) => Promise.resolve(backlog.end(id)),
    },
    publications: { cancelling: () => Promise.resolve(new Set()), end: () => Promise.resolve() },
    open: { next: (_, __, full) => Promise.resolve(backlog.open(full)) },
    members: { page: () => Promise.resolve([]) },
    writer: {
      write: async ({ head }) => {
        await turn();
        backlog.written.push(head.tenant);
        return { written: 1, refused: 0 };
      },
    },
    charge: () => 0,
    weightOf: () => 1,
    owned: () => ({ partitions: [0], among: 1 }),
    timeline: { ended: () => {} },
    metrics: { fannedOut() {}, failed() {}, fanOutFull() {}, watch() {} },
    log: { warn() {} } as unknown as FanOutParts["log"],
    sleep: () => turn(),
    ...more,
  };
  return new FanOut(parts);
}

it("one load brings many of a long backlog, and nothing of it is left", async () => {
  const backlog = new Backlog();
  backlog.add("loud", 200, 5);
  await fanOutOf(backlog).load();
  await expect.poll(() => backlog.left).toBe(0);
  expect(backlog.written).toHaveLength(1_000);
  expect(backlog.loads).toBeLessThan(1_000 / 5);
});

it("the next publication of another tenant's key does not wait for a long backlog", async () => {
  const backlog = new Backlog();
  backlog.add("loud", 200, 50);
  backlog.add("quiet", 1, 10);
  await fanOutOf(backlog).load();
  await expect.poll(() => backlog.left).toBe(0);
  // Pages of both are under way together. Each load takes part of a turn.
  expect(backlog.written.lastIndexOf("quiet")).toBeLessThan(1_000);
});

it.each([
  { what: "slices", bytes: 1, loads: 16 },
  { what: "bytes of payloads", bytes: 256 << 10, loads: 2 },
])("a dispatcher holds a bounded number of $what of tenants over their rate", async ({ bytes, loads }) => {
  let full = 0;
  let slices = (): number => 0;
  const backlog = new Backlog();
  const payload = Buffer.alloc(bytes);
  const fanOut = fanOutOf(backlog, {
    open: {
      next: () => {
        backlog.loads += 1;
        const of = (n: number): Slice => sliceOf(`t${n % 64}`, `${backlog.loads} ${n}`, `${backlog.loads} ${n}`);
        const loaded = Array.from({ length: 256 }, (_, n) => ({ ...of(n), payload }));
        return Promise.resolve({ slices: loaded, finished: [], more: true });
      },
    },
    charge: () => 60_000,
    sleep: () => new Promise(() => {}),
    metrics: {
      fannedOut() {},
      failed() {},
      fanOutFull: () => void (full += 1),
      watch: (readers) => void ({ slices } = readers),
    },
  });
  for (let look = 0; look < loads + 10; look += 1) {
    await fanOut.load();
    await turn();
  }
  expect([backlog.loads, slices()]).toEqual([loads, loads * 256]);
  expect(full).toBeGreaterThanOrEqual(10);
});
