import { nameOf, type Problem } from "@saasaparilla/shared/http/problem.ts";
import { FIRST_FORMAT, FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { expect, test } from "vitest";
import { refuseNewForms } from "./new-forms.ts";
import { parse } from "./parse.ts";

const FORMS: [object, string | undefined][] = [
  [{ to: { client: "a" } }, undefined],
  [{ to: { clients: ["a", "b"] }, ttl: 5, event: "e" }, undefined],
  [{ to: { queue: "q" } }, "/to/queue"],
  [{ to: { group: "g" } }, "/to/group"],
  [{ to: { exchange: "e" } }, "/to/exchange"],
  [{ to: { client: "a" }, at: "2026-12-24T09:00:00Z" }, "/at"],
  [{ to: { client: "a" }, delay: 0 }, "/delay"],
  [{ to: { client: "a" }, headers: {} }, "/headers"],
  [{ to: { client: "a" }, collapse: "k" }, "/collapse"],
  [{ to: { client: "a" }, outcomes: "q" }, "/outcomes"],
];

test.for([
  [FIRST_FORMAT, true],
  [FORMAT, false],
] as const)("with format %i, new forms are refused alone: %s", ([format, refused]) => {
  const body = Buffer.from(JSON.stringify(FORMS.map(([form]) => ({ ...form, data: 1 }))));
  const items = parse("application/json", body, { MAX_DATA_BYTES: 100, MAX_BATCH_ITEMS: 100 });
  refuseNewForms(items, format);
  for (const [index, [, member]] of FORMS.entries()) {
    const { outcome } = items[index]!;
    if (!refused || member === undefined) {
      expect(outcome).toBe("open");
      continue;
    }
    const problem = outcome as Problem;
    expect([nameOf(problem), problem.status]).toEqual(["upgrade-unfinished", 503]);
    expect(problem.retryAfter).toBeGreaterThan(0);
    expect(problem.errors).toMatchObject([{ pointer: `/${index}${member}` }]);
  }
});
