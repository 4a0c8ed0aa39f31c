import { beforeEach, expect, test } from "vitest";
import { changeOwnership, Ownership, type OwnershipEvent, type OwnershipOutput } from "./ownership.ts";

const CLAIMED: OwnershipEvent = { type: "claimed", generation: 5 };
const NEWER_CLAIM: OwnershipEvent = { type: "newer claim", offset: 8 };
const REVOKED: OwnershipEvent = { type: "revoked" };
const OVERDUE: OwnershipEvent = { type: "overdue" };

let ownership: Ownership;
let effects: string[];

beforeEach(() => {
  ownership = new Ownership(3);
  effects = [];
});

function after(...events: OwnershipEvent[]): string {
  const out: OwnershipOutput = {
    awaitRevocation: () => effects.push("awaitRevocation"),
    rejoin: () => effects.push("rejoin"),
    disagree: () => effects.push("disagree"),
  };
  for (const event of events) changeOwnership(ownership, event, out);
  return ownership.state;
}

test("a claim in the control topic makes this director the owner", () => {
  expect(after()).toBe("CLAIMING");
  expect(after(CLAIMED)).toBe("OWNED");
  expect(ownership.generation).toBe(5);
});

test("a revoked partition stays lost when its claim is answered late", () => {
  expect(after(REVOKED, CLAIMED, NEWER_CLAIM, OVERDUE)).toBe("LOST");
  expect(effects).toEqual([]);
});

test("a superseded owner waits for the group, and the group revokes the partition", () => {
  expect(after(CLAIMED, NEWER_CLAIM)).toBe("SUPERSEDED");
  expect(after(REVOKED, OVERDUE)).toBe("LOST");
  expect(effects).toEqual(["awaitRevocation"]);
});

test("a superseded owner rejoins when the group accepts a commit after the newer claim", () => {
  after(CLAIMED, NEWER_CLAIM);
  after({ type: "committed", offset: 8 });
  expect(effects).toEqual(["awaitRevocation"]);
  after({ type: "committed", offset: 9 });
  expect(effects).toEqual(["awaitRevocation", "rejoin"]);
});

test("a superseded owner reports a disagreement when the group does not revoke the partition in time", () => {
  after(CLAIMED, OVERDUE, NEWER_CLAIM, OVERDUE);
  expect(effects).toEqual(["awaitRevocation", "disagree"]);
});
