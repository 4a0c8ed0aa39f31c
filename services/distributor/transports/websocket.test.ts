import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocketWire } from "./websocket.ts";

/** The calls to the library, in order. */
let asked: string[];
let buffered: number;
let wire: WebSocketWire;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  buffered = 0;
  wire = new WebSocketWire(
    {
      send: (message) => asked.push(`send ${String(message)}`),
      ping: (payload) => asked.push(`ping ${payload}`),
      cork: (write) => write(),
      // The library calls back for the end before it returns.
      end(code) {
        asked.push(`end ${code}`);
        wire.gone();
      },
      close: () => asked.push("close"),
      getBufferedAmount: () => buffered,
    },
    1_000,
    true,
    () => {},
  );
});

afterEach(() => {
  vi.useRealTimers();
});

test("R30: the close frame goes at once when nothing waits", () => {
  wire.end(CloseCodes.restart);
  expect(asked).toEqual(["end 1012"]);
});

test("R30: a slow peer gets the close frame after all data, and nothing in between", () => {
  buffered = 100;
  wire.end(CloseCodes.slow);
  wire.outbox.add({ sequence: START, json: Buffer.from("{}") });
  wire.outbox.drained();
  wire.tell({ type: "live" });
  wire.end(CloseCodes.restart);
  wire.ponged("ack");
  expect(asked).toEqual(["ping farewell"]);
  expect(wire.writable).toBe(false);
  wire.ponged("farewell");
  expect(asked).toEqual(["ping farewell", "end 4000"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("R30: a peer counts as slow by its outbox alone: the kernel may hold the library's data", () => {
  wire.outbox.shut();
  wire.end(CloseCodes.slow);
  expect(asked).toEqual(["ping farewell"]);
});

test("R30: a peer that does not read is ended after a limited wait", () => {
  buffered = 100;
  wire.end(CloseCodes.slow);
  vi.advanceTimersByTime(9_999);
  expect(asked).toEqual(["ping farewell"]);
  vi.advanceTimersByTime(1);
  expect(asked).toEqual(["ping farewell", "end 4000"]);
});

test("a peer that disconnects before its close frame ends the wait", () => {
  buffered = 100;
  wire.end(CloseCodes.slow);
  wire.gone();
  expect(vi.getTimerCount()).toBe(0);
});

test("R49: pings get five answers at once, then one a second, and none if the peer does not read", () => {
  const answered = Array.from({ length: 8 }, () => wire.pong(1_000)).filter(Boolean).length;
  expect([answered, wire.pong(1_999), wire.pong(2_000), wire.pong(2_001)]).toEqual([5, false, true, false]);
  expect(asked).toEqual(Array(6).fill('send {"type":"pong"}'));
  buffered = (1 << 20) + 1;
  expect(wire.pong(60_000)).toBe(false);
});
