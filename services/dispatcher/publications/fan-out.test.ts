import fc from "fast-check";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it } from "vitest";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { clientKey, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { WHOLE } from "#groups/member-store.ts";
import { FanOut, PAGE, type FanOutParts } from "./fan-out.ts";
import type { Load } from "./open-slices.ts";
import type { StoredHead } from "./publication-insert.ts";
import type { Progress, Slice } from "./publication-store.ts";

const ID = "3f0e7a52-6c1d-4f4b-9a57-0f5f6d1c2b3a";
const head = (group: string): StoredHead => ({
  id: ID,
  tenant: "acme",
  publisher: "shop",
  to: { group },
  targets: [{ group }],
});

/** Postgres and Kafka, as far as fan-out sees them. */
class Stores {
  readonly members: ClientKey[];
  readonly sent: ClientKey[] = [];
  charged = 0;
  readonly row: Slice & { done: boolean };
  state: "running" | "cancelling" | "done" | "cancelled" = "running";

  constructor(members: number) {
    this.members = Array.from({ length: members }, (_, n) => clientKey("acme", `c${String(n).padStart(6, "0")}`));
    this.row = {
      id: ID,
      tenant: "acme",
      slice: WHOLE,
      key: "acme/group:all",
      cancelling: false,
      begun: false,
      target: 0,
      after: "",
      head: head("all"),
      payload: Buffer.from("1"),
      expected: members,
      written: 0,
      done: false,
    };
  }

  cancel(): void {
    if (this.state !== "running") return;
    this.state = "cancelling";
    if (!this.row.begun) this.row.done = true;
  }

  at({ target, after }: Pick<Slice, "target" | "after">): boolean {
    return !this.row.done && this.row.target === target && this.row.after === after;
  }

  load(): Load {
    const { row, state } = this;
    const runs = state === "running" || state === "cancelling";
    return {
      slices: row.done ? [] : [{ ...row, cancelling: state === "cancelling" }],
      finished: runs && row.done ? [row.id] : [],
      more: false,
    };
  }

  end(): void {
    if (this.row.done) this.state = this.state === "cancelling" ? "cancelled" : "done";
  }
}

const quiet = { warn() {} } as unknown as Log;

/** `fails`: asked before each step of the dispatcher. A true is a crash there, before or after the step. */
function dispatcher(stores: Stores, fails: (step: string) => boolean = () => false): FanOut {
  const step = (name: string): void => {
    if (fails(name)) throw new Failure("retry", `It crashed at ${name}.`);
  };
  const parts: FanOutParts = {
    changes: {
      begin: (slice) => {
        step("begin");
        if (!stores.at(slice)) return Promise.resolve(false);
        stores.row.begun = true;
        return Promise.resolve(true);
      },
      advance: (slice, to: Progress) => {
        step("advance");
        if (!stores.at(slice)) return Promise.resolve("moved");
        Object.assign(stores.row, { target: to.target, after: to.after, done: to.done });
        stores.row.written += to.written;
        step("advanced");
        return Promise.resolve(stores.state === "running" ? "running" : "cancelling");
      },
      end: () => {
        stores.end();
        return Promise.resolve();
      },
    },
    publications: {
      cancelling: () => Promise.resolve(new Set(stores.state === "cancelling" ? [stores.row.id] : [])),
      end: () => Promise.resolve(stores.end()),
    },
    open: { next: () => Promise.resolve(stores.load()) },
    members: {
      page: (_, after, limit) => Promise.resolve(stores.members.filter((key) => key > after).slice(0, limit)),
    },
    writer: {
      write: ({ recipients }) => {
        step("write");
        stores.sent.push(...recipients);
        step("written");
        return Promise.resolve({ written: recipients.length, refused: 0 });
      },
    },
    charge: (_, notifications) => {
      stores.charged += notifications;
      return 0;
    },
    weightOf: () => 1,
    owned: () => ({ partitions: [0], among: 1 }),
    timeline: { ended: () => {} },
    metrics: { fannedOut() {}, failed() {}, fanOutFull() {}, watch() {} },
    log: quiet,
    sleep: () => turn(),
  };
  return new FanOut(parts);
}

it("begins the next publication of a key as soon as the one before has ended", async () => {
  const stores = new Stores(3);
  const { row } = stores;
  let ended = 0;
  stores.end = () => {
    ended += 1;
    if (ended < 3) Object.assign(row, { id: `${ID} ${ended}`, target: 0, after: "", begun: false, done: false });
    else stores.state = "done";
  };
  await dispatcher(stores).load();
  await expect.poll(() => ended).toBe(3);
  expect(stores.sent).toHaveLength(9);
});

it.each([
  ["members of a group, which the receiver did not know", undefined, 5],
  ["no recipients that the receiver charged", true as const, 0],
])("charges %s", async (_, charged, expected) => {
  const stores = new Stores(5);
  if (charged) Object.assign(stores.row, { head: { ...stores.row.head, charged } });
  await runToEnd(stores, () => false);
  expect([stores.sent.length, stores.charged]).toEqual([5, expected]);
});

/** Each crash ends the dispatcher, and the next one starts from what is stored. */
async function runToEnd(stores: Stores, fails: (step: string) => boolean): Promise<void> {
  for (let owner = 0; stores.state === "running" || stores.state === "cancelling"; owner += 1) {
    expect(owner).toBeLessThan(100);
    const process = { crashed: false };
    const fanOut = dispatcher(stores, (step) => {
      process.crashed ||= fails(step);
      return process.crashed;
    });
    for (let look = 0; look < 40 && !process.crashed && !["done", "cancelled"].includes(stores.state); look += 1) {
      await fanOut.load();
      await turn();
    }
    await fanOut.end();
    stores.end();
  }
}

const crashes = fc.infiniteStream(fc.nat(11)).map((stream) => {
  let left = 4;
  return (): boolean => left > 0 && (stream.next().value ?? 1) === 0 && (left -= 1) >= 0;
});

it("each member gets it, in order, and a crash repeats one page at most", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 3 * PAGE + 5 }), crashes, async (members, fails) => {
      const stores = new Stores(members);
      await runToEnd(stores, fails);
      expect(stores.state).toBe("done");
      expect([...new Set(stores.sent)]).toEqual(stores.members);
      expect(stores.row.written).toBe(members);
      expect(stores.sent.length).toBeLessThanOrEqual(members + 4 * PAGE);
    }),
    { numRuns: 60 },
  );
});

it("after a cancellation the count is the number of members that got it, whatever crashed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 * PAGE }), fc.nat(12), crashes, async (members, when, fails) => {
      const stores = new Stores(members);
      let steps = 0;
      await runToEnd(stores, () => {
        if ((steps += 1) === when + 1) stores.cancel();
        return fails();
      });
      expect(new Set(stores.sent).size).toBe(stores.row.written);
    }),
    { numRuns: 60 },
  );
});

it("a dispatcher that has lost the slice moves nothing", async () => {
  const stores = new Stores(3 * PAGE);
  const zombie = dispatcher(stores);
  const load = zombie.load();
  await runToEnd(stores, () => false);
  await load;
  await zombie.end();
  expect(stores.row.written).toBe(3 * PAGE);
  expect(stores.state).toBe("done");
});
