import { beforeEach, expect, test } from "vitest";
import { AdmissionControl } from "./admission-control.ts";
import { Handshake, type HandshakeOptions, type Entry } from "./handshake.ts";

let asked: string[];

beforeEach(() => (asked = []));

function handshakeOf(limits: Partial<ConstructorParameters<typeof AdmissionControl>[0]>, connections = 0): Handshake {
  const all = { rate: 1, burst: 1, handovers: 10, connections: 10, ...limits };
  return new Handshake({
    admission: new AdmissionControl(all, performance.now()),
    capacity: {
      used: connections,
      crowded: () => false,
      full: (tenant: string) => tenant === "acme" && asked.push(tenant) > 1,
    },
    metrics: { turnedAway: () => {}, overShare: () => {} },
  } as unknown as HandshakeOptions);
}

/** A token that names the tenant; its signature is not checked here. */
const HEADERS = { authorization: `Bearer e30.${Buffer.from('{"tenant":"acme"}').toString("base64url")}.x` };
const ANYBODY_OF = (tenant: string): Entry => ({ identity: { tenant } }) as Entry;
const ANYBODY = { identity: { tenant: "acme" } } as Entry;
const busy = { status: 503, headers: { "retry-after": expect.stringMatching(/^[1-9]\d*$/) as string } };

test("R36: a refused client hears when to return, for every reason, before and after its token check", () => {
  for (const door of [handshakeOf({ burst: 0 }), handshakeOf({ handovers: 0 }), handshakeOf({}, 10)]) {
    expect(door.closed({})).toMatchObject(busy);
    expect(door.enter(ANYBODY)).toMatchObject(busy);
  }
});

test("R9: a client that asks for the reason hears it, too; an ending server tells all clients when to return", () => {
  const door = handshakeOf({ burst: 0 });
  expect(door.closedOfLate(HEADERS)).toBeUndefined();
  door.enter(ANYBODY);
  expect(door.closedOfLate(HEADERS)).toMatchObject(busy);
  const ending = handshakeOf({});
  expect(ending.closed({})).toBeUndefined();
  ending.drain();
  for (const answer of [ending.closed({}), ending.enter(ANYBODY), ending.closedOfLate(HEADERS)])
    expect(answer).toMatchObject(busy);
});

test("R39: a tenant makes room only after all other checks pass", () => {
  expect(handshakeOf({ burst: 0 }).enter(ANYBODY)).toMatchObject(busy);
  expect(asked).toEqual([]);
  const door = handshakeOf({ burst: 2 });
  expect(door.enter(ANYBODY)).toBeUndefined();
  expect(door.enter(ANYBODY)).toMatchObject({ status: 429 });
  expect(asked).toEqual(["acme", "acme"]);
});

test("a tenant at its share is refused before and after the signature check; other tenants are admitted", () => {
  const door = handshakeOf({ rate: 0.001, burst: 89 });
  const other = {
    authorization: HEADERS.authorization.replace(
      /\.[^.]+\./,
      `.${Buffer.from('{"tenant":"other"}').toString("base64url")}.`,
    ),
  };
  for (let times = 0; times < 80; times += 1) expect(door.enter(ANYBODY_OF("loud"))).toBeUndefined();
  expect(door.enter(ANYBODY_OF("loud"))).toMatchObject(busy);
  const loud = { authorization: `Bearer e30.${Buffer.from('{"tenant":"loud"}').toString("base64url")}.x` };
  expect(door.closed(loud)).toMatchObject(busy);
  expect(door.closedOfLate(loud)).toMatchObject(busy);
  for (const headers of [other, {}, { authorization: "Bearer x.y.z" }]) {
    expect(door.closed(headers)).toBeUndefined();
    expect(door.closedOfLate(headers)).toBeUndefined();
  }
  expect(door.enter(ANYBODY_OF("other"))).toBeUndefined();
});
