import { packSequence, sequenceAt } from "@saasaparilla/shared/protocol/notification.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { isTraced, traceWith } from "@saasaparilla/shared/tracing/spans.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DeliverySpans } from "./delivery-spans.ts";
import type { Row } from "./session.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const HOW = { transport: "sse", source: "live" } as const;

let made: string[];

/** Spans on the real wire: tests/integration/observe/traces.test.ts. */
beforeEach(() => {
  made = [];
  const startSpan = (name: string) => {
    made.push(name);
    return { end() {}, spanContext: () => ({ traceId: TRACE, spanId: "b7ad6b7169203331", traceFlags: 1 }) };
  };
  traceWith({ startSpan } as unknown as Parameters<typeof traceWith>[0]);
});

afterEach(() => traceWith(undefined));

const at = (index: number): string => sequenceAt(packSequence(1, index), 0);

function rowOf(index: number, traceparent = `00-${TRACE}-b7ad6b7169203331-01`, event = ""): Row {
  const writer = new PackWriter();
  const id = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
  writer.notification({ key: "acme/u1", id, event, traceparent, payload: Buffer.from("1") });
  let body: Buffer | undefined;
  readPack(writer.take(), (_, item) => (body = Buffer.from(item)));
  return { sequence: at(index), appended: 0, body: body! };
}

test("only a sampled notification is traced, and none without a tracer", () => {
  const traced = (flags: string, event = ""): boolean =>
    isTraced(rowOf(1, `00-${TRACE}-b7ad6b7169203331-${flags}`, event).body);
  expect([traced("00"), traced("01"), traced("02"), traced("03"), traced("01", "order.paid")]).toEqual([
    false,
    true,
    false,
    true,
    true,
  ]);
  expect(isTraced(rowOf(1, "").body)).toBe(false);
  traceWith(undefined);
  expect(traced("01")).toBe(false);
});

test("an acknowledgement ends what it covers, in its own session", () => {
  const spans = new DeliverySpans();
  for (const index of [1, 2, 3]) spans.delivered(7, rowOf(index), HOW, 0);
  spans.delivered(8, rowOf(1), HOW, 0);
  made = [];
  spans.acknowledged(7, at(2));
  expect(made).toEqual(["acknowledge", "acknowledge"]);
  spans.acknowledged(7, at(2));
  spans.acknowledged(9, at(9));
  expect(made).toHaveLength(2);
  spans.forget(7);
  spans.acknowledged(7, at(3));
  expect(made).toHaveLength(2);
  spans.acknowledged(8, at(1));
  expect(made).toHaveLength(3);
});

test("above the bound a delivery has its span, and no later one", () => {
  const spans = new DeliverySpans(2);
  for (const index of [1, 2, 3]) spans.delivered(7, rowOf(index), HOW, 0);
  spans.acknowledged(7, at(3));
  expect(made).toEqual(["deliver", "deliver", "deliver", "acknowledge", "acknowledge"]);
  // A closed session gives its room back.
  spans.delivered(7, rowOf(4), HOW, 0);
  spans.delivered(7, rowOf(5), HOW, 0);
  spans.forget(7);
  spans.delivered(8, rowOf(6), HOW, 0);
  made = [];
  spans.acknowledged(8, at(6));
  expect(made).toEqual(["acknowledge"]);
});
