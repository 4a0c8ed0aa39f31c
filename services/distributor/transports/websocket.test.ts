import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import { START } from "@saasaparilla/shared/protocol/notification.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WebSocketWire } from "./websocket.ts";

/** What was asked of the library, in order. */
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

test("R30: where nothing waits, the close frame goes at once", () => {
  wire.end(CloseCodes.restart);
  expect(asked).toEqual(["end 1012"]);
});

test("R30: of a slow peer the close frame waits until it has read all, and nothing comes between", () => {
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

test("R30: a peer is slow, too, where only its outbox does not move: the kernel may have taken what the library had", () => {
  wire.outbox.shut();
  wire.end(CloseCodes.slow);
  expect(asked).toEqual(["ping farewell"]);
});

test("R30: a peer that reads nothing is waited for so long, and ended", () => {
  buffered = 100;
  wire.end(CloseCodes.slow);
  vi.advanceTimersByTime(9_999);
  expect(asked).toEqual(["ping farewell"]);
  vi.advanceTimersByTime(1);
  expect(asked).toEqual(["ping farewell", "end 4000"]);
});

test("a peer that goes while its farewell waits ends the waiting", () => {
  buffered = 100;
  wire.end(CloseCodes.slow);
  wire.gone();
  expect(vi.getTimerCount()).toBe(0);
});

test("R49: pings are answered five at once, then one a second, and never to a peer that reads nothing", () => {
  const answered = Array.from({ length: 8 }, () => wire.pong(1_000)).filter(Boolean).length;
  expect([answered, wire.pong(1_999), wire.pong(2_000), wire.pong(2_001)]).toEqual([5, false, true, false]);
  expect(asked).toEqual(Array(6).fill('send {"type":"pong"}'));
  buffered = (1 << 20) + 1;
  expect(wire.pong(60_000)).toBe(false);
});
