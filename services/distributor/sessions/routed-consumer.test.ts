import { packSequence, sequenceAt, START } from "@saasaparilla/shared/protocol/notification.ts";
import { readPack, type Deliver } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { beforeEach, describe, expect, test } from "vitest";
import { RoutedConsumer } from "./routed-consumer.ts";
import type { SessionEvent } from "./session.ts";

const KEY = "acme/u1";
const INCARNATION = 5;

type Parts = ConstructorParameters<typeof RoutedConsumer>[0];

let events: SessionEvent[];
let fenced: number;
let skipped: number;
let refused: number[];
let closed: number[];
let inbox: unknown[];
let writable: boolean;
let ended: unknown[];
let routedConsumer: RoutedConsumer;

beforeEach(() => {
  events = [];
  fenced = 0;
  skipped = 0;
  refused = [];
  closed = [];
  inbox = [];
  writable = true;
  ended = [];
  const wire = {
    inbox(frame: unknown): boolean {
      if (writable) inbox.push(frame);
      return writable;
    },
  };
  const peer = { session: { key: KEY }, wire };
  routedConsumer = new RoutedConsumer({
    hub: {
      find: (session: number) => (session === 1 ? peer : undefined),
      step: (_: unknown, event: SessionEvent) => events.push(event),
      end: (connection: unknown, { code }: { code: number }) => ended.push([connection === peer, code]),
    },
    controlProducer: {
      refuseUnknown: (_: number, __: number, ___: string, session: number) => refused.push(session),
      close: ({ id }: { id: number }) => closed.push(id),
    },
    metrics: {
      fenced: () => (fenced += 1),
      refused: () => {},
      skipped: () => (skipped += 1),
      inboxFrame: (result: string) => inbox.push(result),
    },
    log: { error: () => {} },
    incarnation: () => INCARNATION,
    presenceWriter: { remove: () => {} },
  } as unknown as Parts);
});

const sequence = sequenceAt(packSequence(1, 7), 0);

function sent(change: Partial<Deliver>, key = KEY): void {
  let body: Buffer = Buffer.alloc(0);
  const notification = new PackWriter();
  notification.notification({ key, id: "00000000-0000-4000-8000-000000000000", payload: Buffer.from("1") });
  readPack(notification.take(), (_, item) => (body = item));
  const usual = { incarnation: INCARNATION, session: 1, partition: 3, generation: 10, prev: START, appended: 0 };
  read((writer) => writer.deliver({ ...usual, sequence, body, ...change }));
}

function read(write: (writer: PackWriter) => void): void {
  const writer = new PackWriter();
  write(writer);
  const record = { offset: 0, appended: 0, value: writer.take(), headers: {} };
  routedConsumer.batch({ topic: "routed", partition: 0, records: [record], highWatermark: 1 });
}

test("a record of an older generation of its partition is dropped, for any session", () => {
  sent({ generation: 10 });
  read((writer) =>
    writer.signal({ type: "invite", partition: 3, generation: 12, incarnation: INCARNATION, session: 2, key: KEY }),
  );
  sent({ generation: 11 });
  sent({ generation: 12 });
  expect(events.map((event) => (event as { generation: number }).generation)).toEqual([10, 12]);
  expect(fenced).toBe(1);
});

test("generations of other partitions do not matter", () => {
  sent({ partition: 2, generation: 99 });
  sent({ partition: 3, generation: 10 });
  expect([events.length, fenced]).toEqual([2, 0]);
});

test("a record for another incarnation of the slot is dropped", () => {
  sent({ incarnation: INCARNATION - 1 });
  expect([events, fenced, refused]).toEqual([[], 1, []]);
});

test("an absent client is refused, and reported as gone if invited; a record for another client is dropped", () => {
  sent({ session: 2 });
  read((writer) =>
    writer.signal({ type: "invite", partition: 3, generation: 10, incarnation: INCARNATION, session: 4, key: KEY }),
  );
  sent({}, "acme/u2");
  expect([events, refused, closed]).toEqual([[], [2], [4]]);
});

test("an item that is unknown or malformed is skipped and counted, and the others of its record are delivered", () => {
  const held = { type: "held", partition: 3, generation: 10, incarnation: INCARNATION, session: 1, hold: 1 } as const;
  read((writer) => {
    writer.item(9, Buffer.from("of a later version"));
    writer.item(2, Buffer.alloc(4));
    writer.item(4, Buffer.from('{"type":"later"}'));
    writer.signal(held);
  });
  expect(events).toMatchObject([{ type: "held", hold: 1 }]);
  expect(skipped).toBe(3);
});

describe("R85: a frame about an inbox", () => {
  const reload = { type: "inbox", reload: true };
  const frame = (change: object): void =>
    read((writer) =>
      writer.signal({
        type: "inbox",
        slot: 0,
        key: KEY,
        incarnation: INCARNATION,
        session: 1,
        frame: reload,
        ...change,
      }),
    );

  test("reaches its connection, whatever generation came before", () => {
    sent({ generation: 99 });
    frame({});
    expect(inbox).toEqual([reload, "sent"]);
    expect(events).toHaveLength(1);
  });

  test("is fenced by the incarnation", () => {
    frame({ incarnation: INCARNATION - 1 });
    expect(inbox).toEqual([]);
    expect(fenced).toBe(1);
  });

  test("is dropped and counted for another client, a closed connection and a slow reader", () => {
    frame({ key: "acme/u2" });
    frame({ session: 2 });
    writable = false;
    frame({});
    expect(inbox).toEqual(["unknown", "unknown", "slow"]);
  });

  test("of an unknown form is skipped, and what follows is not", () => {
    frame({ frame: { type: "inbox" } });
    frame({});
    expect(skipped).toBe(1);
    expect(inbox).toEqual([reload, "sent"]);
  });
});

test("an operator's disconnect ends the connection of that client, and no other", () => {
  const disconnect = { type: "disconnect", slot: 0, incarnation: INCARNATION, session: 1, key: KEY } as const;
  read((writer) => writer.signal({ ...disconnect, incarnation: INCARNATION - 1 }));
  read((writer) => writer.signal({ ...disconnect, session: 2 }));
  read((writer) => writer.signal({ ...disconnect, key: "acme/u2" }));
  expect([ended, fenced]).toEqual([[], 1]);
  read((writer) => writer.signal(disconnect));
  expect(ended).toEqual([[true, 4012]]);
});
