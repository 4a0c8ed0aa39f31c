import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { ServerFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { monitorConnections } from "./connection-monitor.ts";
import type { Connection } from "#sessions/connection.ts";
import type { Hub } from "#sessions/hub.ts";
import type { Transport } from "#metrics.ts";

const HEARTBEAT_MS = 5_000;
let told: ServerFrame[];
let ended: string[];
let allowed: boolean;
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  allowed = true;
  ended = [];
});

afterEach(() => {
  stop();
  vi.useRealTimers();
});

function open(transport: Transport, ttlSeconds: number): Connection {
  const connection = {
    session: { id: 7 },
    wire: { transport, outbox: { congested: false, moved: 0 }, tell: (frame: ServerFrame) => told.push(frame) },
    identity: expiringIn(ttlSeconds),
  } as unknown as Connection;
  const peers = {
    all: () => [connection].values(),
    end: (_: Connection, { reason }: { reason: string }) => ended.push(reason),
  };
  stop = monitorConnections(peers as unknown as Hub, { HEARTBEAT_MS, STUCK_MS: 60_000 }, () => allowed);
  return connection;
}

function expiringIn(seconds: number): Identity {
  return {
    tenant: "acme",
    subject: "u1",
    scopes: new Set(["subscribe"]),
    expires: Date.now() / 1_000 + seconds,
    issued: Date.now() / 1_000,
    source: { kind: "platform" },
  };
}

test.for(["websocket", "sse"] as const)("R14: a %s hears once that its token expires within a minute", (transport) => {
  open(transport, 90);
  vi.advanceTimersByTime(25_000);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(2 * HEARTBEAT_MS);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ type: "refresh" });
  expect((told[0] as { expiresIn: number }).expiresIn).toBeGreaterThanOrEqual(60 - HEARTBEAT_MS / 1_000);
  vi.advanceTimersByTime(40_000);
  expect(told).toHaveLength(1);
  expect(ended).toEqual([]);
  // With the leeway of its admission.
  vi.advanceTimersByTime(50_000);
  expect(ended).toContain("The token has expired");
});

test("R14: a renewed token's expiry is announced once, in its time", () => {
  const connection = open("websocket", 30);
  vi.advanceTimersByTime(HEARTBEAT_MS);
  connection.identity = expiringIn(90);
  vi.advanceTimersByTime(20_000);
  expect(told).toHaveLength(1);
  vi.advanceTimersByTime(60_000);
  expect(told).toHaveLength(2);
  expect(ended).toEqual([]);
});

test("R14: a client whose new token could not be checked is asked again in the next round", () => {
  const connection = open("websocket", 50);
  vi.advanceTimersByTime(HEARTBEAT_MS);
  connection.askedToRenew = undefined;
  vi.advanceTimersByTime(2 * HEARTBEAT_MS);
  expect(told).toHaveLength(2);
});

test("R14: a long poll, with a token in each request, hears nothing", () => {
  open("poll", 30);
  vi.advanceTimersByTime(20_000);
  expect(told).toEqual([]);
});

test.for(["websocket", "sse", "poll"] as const)(
  "R19: a %s with withdrawn access is closed at its next check",
  (transport) => {
    open(transport, 3_600);
    vi.advanceTimersByTime(2 * HEARTBEAT_MS);
    expect(ended).toEqual([]);
    allowed = false;
    vi.advanceTimersByTime(HEARTBEAT_MS);
    expect(ended).toEqual(["Access was withdrawn"]);
  },
);
