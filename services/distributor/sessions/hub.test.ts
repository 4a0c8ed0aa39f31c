import { packSequence, sequenceAt, START, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { beforeEach, expect, test } from "vitest";
import { Outbox, type Item } from "./outbox.ts";
import type { Connection, Wire } from "./connection.ts";
import { Hub, type PeersParts } from "./hub.ts";
import type { Row } from "./session.ts";
import { TenantUsage } from "#admission/tenant-usage.ts";

const KEY = "acme/u1";
const LONG_AGO = 1_000_000;

let now: number;
let expired: string[];
let sent: Item[];
let told: string[];
/** Frames and reports, in wire order. */
let wrote: string[];
let registry: Connection[];
let acknowledged: Sequence[];
/** As the metric counts it. */
let recorded: { kind: string; id: string; detail: object }[];
let delivered: number;
let rows: Row[];
let connection: Connection;
let hub: Hub;
let most: number;

/** An object whose methods do nothing. */
const silent = <T>(): T => new Proxy({}, { get: () => () => {} }) as T;

beforeEach(() => {
  now = LONG_AGO;
  expired = [];
  sent = [];
  told = [];
  wrote = [];
  registry = [];
  acknowledged = [];
  recorded = [];
  delivered = 0;
  rows = [];
  most = 2;
  hub = new Hub({
    partitions: 1,
    controlProducer: Object.assign(Object.create(silent()), {
      id: (session: number) => ({ slot: 1, incarnation: 2, session }),
      ack: (_: number, __: string, ___: number, sequence: Sequence) => acknowledged.push(sequence),
    }) as PeersParts["controlProducer"],
    replayReader: { page: () => Promise.resolve({ rows, more: false }) },
    storedDeletions: { add: () => {} },
    usage: new TenantUsage(() => ({ outboxBytes: 1_000, connections: 10 }) as TenantLimits),
    limitsOf: () => ({ clientConnections: most }) as TenantLimits,
    events: { record: (kind, _, id, detail) => void recorded.push({ kind, id, detail }) },
    metrics: Object.assign(Object.create(silent()), { delivered: () => (delivered += 1) }) as PeersParts["metrics"],
    log: {
      info: ({ notification, source }: Record<string, string>) => expired.push(`${notification!.slice(-1)} ${source}`),
    } as PeersParts["log"],
    settings: { HEARTBEAT_MS: 1_000, PREPARE_MS: 1_000 },
    wall: () => now,
  });
  hub.observe({
    opened: (one) => registry.push(one),
    closed: (one) => (registry = registry.filter((other) => other !== one)),
  });
  connection = open();
});

function open(more: Partial<Wire> = {}): Connection {
  const outbox = new Outbox((items) => {
    sent.push(...items);
    wrote.push(...items.map(({ sequence }) => sequence));
    return true;
  }, 10_000);
  const wire: Wire = {
    transport: "websocket",
    acknowledges: true,
    outbox,
    tell: ({ type }) => {
      told.push(type);
      wrote.push(type);
    },
    inbox: () => true,
    end: () => {},
    ...more,
  };
  const source = { kind: "platform" } as const;
  const identity = { tenant: "acme", subject: "u1", scopes: new Set(["subscribe"]), expires: 0, issued: 0, source };
  return hub.open({ key: KEY, identity, cursor: undefined, retracts: false, address: "192.0.2.1", wire });
}

function rowOf(index: number, ttl: number): Row {
  const writer = new PackWriter();
  writer.notification({
    key: KEY,
    id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    ttl,
    payload: Buffer.from("1"),
  });
  let body: Buffer | undefined;
  readPack(writer.take(), (_, item) => (body = item));
  return { sequence: sequenceAt(packSequence(1, index), 0), appended: LONG_AGO, body: body! };
}

/** The reads, and the sessions that wait for their turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes it live: held, with all stored rows read. */
async function goLive(): Promise<void> {
  hub.step(connection, { type: "held", generation: 1, hold: 1 });
  await turn();
  expect(connection.session.state).toBe("LIVE");
}

function deliver(row: Row): void {
  hub.step(connection, { type: "deliver", generation: 1, prev: connection.session.sent, row });
}

test("a notification that expires in the outbox is reported once, as live if it came from a director", async () => {
  await goLive();
  connection.wire.outbox.shut();
  for (const row of [rowOf(1, 1), rowOf(2, 0), rowOf(3, 1)]) deliver(row);
  now += 1_000;
  connection.wire.outbox.drained();
  connection.wire.outbox.drained();
  await turn();
  expect(sent.map(({ sequence }) => sequence)).toEqual([rowOf(2, 0).sequence]);
  expect(expired).toEqual(["1 live", "3 live"]);
});

test("a notification that arrives expired is reported once, and leaves no gap before the next", async () => {
  await goLive();
  now += 1_000;
  for (const row of [rowOf(1, 1), rowOf(2, 0)]) deliver(row);
  await turn();
  expect(sent.map(({ sequence }) => sequence)).toEqual([rowOf(2, 0).sequence]);
  expect(delivered).toBe(1);
  expect(expired).toEqual(["1 live"]);
});

test("a stored notification is reported as stored: it stays in Postgres, and the sweep counts it", async () => {
  rows = [rowOf(1, 1), rowOf(2, 0), rowOf(3, 5)];
  connection.wire.outbox.shut();
  hub.step(connection, { type: "held", generation: 1, hold: 1 });
  await turn();
  now += 1_000;
  connection.wire.outbox.drained();
  expect(sent.map(({ sequence }) => sequence)).toEqual([rowOf(2, 0).sequence, rowOf(3, 5).sequence]);
  expect(expired).toEqual(["1 stored"]);
});

test("R12: `live` does not overtake unread data", async () => {
  rows = [rowOf(1, 0), rowOf(2, 0)];
  connection.wire.outbox.shut();
  hub.step(connection, { type: "held", generation: 1, hold: 1 });
  await turn();
  expect([connection.session.state, told]).toEqual(["REPLAYING", ["connected"]]);
  rows = [];
  hub.drained(connection);
  await turn();
  expect(sent).toHaveLength(2);
  await goLive();
  expect(told).toEqual(["connected", "live"]);
});

test("R11: a repeated `connected` follows all earlier frames", async () => {
  await goLive();
  const row = rowOf(1, 0);
  deliver(row);
  hub.step(connection, { type: "demoted", generation: 1, resume: START });
  await turn();
  expect(wrote).toEqual(["connected", "live", row.sequence, "connected"]);
});

test("a connection is registered until it closes, from either side", () => {
  expect(registry).toEqual([connection]);
  hub.closed(connection);
  expect(registry).toEqual([]);
});

test("the director hears acknowledgements of a live connection: it holds those notifications until then", async () => {
  await goLive();
  const [one, two] = [rowOf(1, 0), rowOf(2, 0)];
  for (const row of [one, two]) deliver(row);
  await turn();
  hub.step(connection, { type: "ack", sequence: one.sequence });
  hub.step(connection, { type: "ack", sequence: one.sequence });
  // Beyond the sent notifications.
  hub.step(connection, { type: "ack", sequence: rowOf(3, 0).sequence });
  expect(acknowledged).toEqual([one.sequence]);
  hub.step(connection, { type: "ack", sequence: two.sequence });
  expect(acknowledged).toEqual([one.sequence, two.sequence]);
});

test("R20: no cursor acknowledges a notification in the outbox", async () => {
  await goLive();
  connection.wire.outbox.shut();
  const [one, two] = [rowOf(1, 0), rowOf(2, 0)];
  for (const row of [one, two]) deliver(row);
  await turn();
  hub.step(connection, { type: "ack", sequence: two.sequence });
  expect(acknowledged).toEqual([]);
  hub.drained(connection);
  hub.step(connection, { type: "ack", sequence: two.sequence });
  expect(acknowledged).toEqual([two.sequence]);
});

test("R11: queued notifications are dropped, and do not follow `connected`, when the server resumes at the start", async () => {
  await goLive();
  connection.wire.outbox.shut();
  deliver(rowOf(7, 0));
  await turn();
  hub.step(connection, { type: "demoted", generation: 1, resume: START });
  rows = [rowOf(1, 0), rowOf(7, 0)];
  hub.drained(connection);
  await turn();
  expect(wrote).toEqual(["connected", "live", "connected", rowOf(1, 0).sequence, rowOf(7, 0).sequence]);
});

test("R39: at a client's limit an idle loop gives way first, and then the oldest connection", () => {
  const loop = open({ transport: "poll", idleSince: 1 });
  open();
  expect(registry).not.toContain(loop);
  expect(registry).toContain(connection);
  open();
  expect(registry).not.toContain(connection);
  expect(registry).toHaveLength(2);
});

test("R39: the loop that is idle for longest gives way", () => {
  hub.closed(connection);
  const [later, longest] = [open({ transport: "poll", idleSince: 9 }), open({ transport: "poll", idleSince: 3 })];
  expect(registry).toEqual([later, longest]);
  const next = open();
  expect(registry).toEqual([later, next]);
});

test("R39: a new connection fits if there is room or an idle loop, but never ends a connection in use", () => {
  const newcomer = { key: KEY, identity: connection.identity };
  expect(hub.fits(newcomer)).toBe(true);
  const loop = open({ transport: "poll", idleSince: 1 });
  expect(hub.fits(newcomer)).toBe(true);
  // One idle loop is not enough after the limit went down.
  most = 1;
  expect(hub.fits(newcomer)).toBe(false);
  most = 2;
  hub.closed(loop);
  open();
  expect(hub.fits(newcomer)).toBe(false);
});
