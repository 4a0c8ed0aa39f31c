import { expect, test } from "vitest";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { PublicationHead, Target } from "@saasaparilla/shared/protocol/publication.ts";
import { Intake, type IntakeParts } from "./intake.ts";
import type { NewPublication } from "./publication-insert.ts";

const GROUP: Target = { group: "small" };

/** The rows and the notifications of one batch, of publications to a group of two members. */
async function settle(
  targets: readonly Target[],
  { waits = [], busy = [] }: { waits?: number[]; busy?: string[] },
): Promise<{ states: string[]; written: string[] }> {
  const rows: NewPublication[] = [];
  const written: string[] = [];
  const asked = [...waits];
  const parts: IntakeParts = {
    publications: {
      busyKeys: (keys) => Promise.resolve(new Set(keys.filter((key) => busy.includes(key)))),
      insert: (given) => Promise.resolve(void rows.push(...given)),
    },
    members: {
      page: () => Promise.resolve(["acme/u1", "acme/u2"]),
      count: () => Promise.resolve(2),
    },
    writer: {
      write: ({ head, recipients }) => {
        written.push(head.id);
        return Promise.resolve({ written: recipients.length, refused: 0 });
      },
    },
    exchangeTargets: () => undefined,
    // Only the group's publications are charged in order.
    charge: (_tenant, notifications) => (notifications > 1 ? (asked.shift() ?? 0) : 0),
    reject: () => Promise.reject(new Error("no item is bad")),
    begun() {},
    metrics: { fannedOut() {}, publication() {} },
    timeline: { taken() {} },
  };
  const pack = new PackWriter();
  targets.forEach((to, n) => pack.publication({ head: headOf(n, to), payload: Buffer.from("1") }));
  await new Intake(parts).settle([{ value: pack.take(), appended: 1_000 } as Incoming], 0);
  return { states: rows.map(({ head, state }) => `${head.id} ${state}`), written };
}

const headOf = (n: number, to: Target): PublicationHead => ({ id: `p${n}`, tenant: "acme", publisher: "shop", to });

test("small publications of one key are written at once, in order", async () => {
  expect(await settle([GROUP, GROUP], {})).toEqual({ states: ["p0 done", "p1 done"], written: ["p0", "p1"] });
});

test("a publication that waits for its tenant's rate holds back the later ones of its key only", async () => {
  expect(await settle([GROUP, GROUP, { client: "u9" }], { waits: [500] })).toEqual({
    states: ["p0 running", "p1 running", "p2 done"],
    written: ["p2"],
  });
});

test("a publication waits behind a running one of its key", async () => {
  expect(await settle([GROUP, { client: "u9" }], { busy: ["acme/group:small"] })).toEqual({
    states: ["p0 running", "p1 done"],
    written: ["p1"],
  });
});
