import { expect, test } from "vitest";
import { documentSchemas, writtenSchedule } from "./documents.ts";

const NOW = new Date("2026-11-27T00:00:00Z");
const to = { queue: "a" };
const plan = { cron: "0 9 * * *", zone: "Europe/Berlin", to, data: null };

/** The places of the issues, each with whether it is about a value (422). */
function issues(
  schema: (typeof documentSchemas)[keyof typeof documentSchemas],
  document: unknown,
): [string, boolean][] {
  const { error } = schema.safeParse(document);
  return (error?.issues ?? []).map((issue) => [
    issue.path.join("/"),
    "params" in issue && issue.params?.value === true,
  ]);
}

test("defaults are filled in", () => {
  expect(documentSchemas.queue.parse({})).toEqual({ claimSeconds: 30 });
  expect(documentSchemas.schedule.parse(plan)).toEqual({ ...plan, missed: "one", catchUp: 86_400 });
});

test.for<[string, object, [string, boolean][]]>([
  ["an exchange as recipient", { type: "fanout", bindings: [{ to: { exchange: "x" } }] }, [["bindings/0/to", false]]],
  ["an exchange as fallback", { type: "fanout", bindings: [], fallback: { exchange: "x" } }, [["fallback", false]]],
  ["a direct binding without key", { type: "direct", bindings: [{ to }] }, [["bindings/0/key", true]]],
  ["a fanout with key", { type: "fanout", bindings: [{ key: "a", to }] }, [["bindings/0/key", true]]],
  ["a headers binding without rule", { type: "headers", bindings: [{ to }] }, [["bindings/0/headers", true]]],
  ["an empty rule", { type: "headers", bindings: [{ headers: {}, to }] }, [["bindings/0/headers", true]]],
  [
    "an unlisted operator",
    { type: "headers", bindings: [{ headers: { a: { $regex: "x" } }, to }] },
    [["bindings/0/headers/a/$regex", true]],
  ],
  [
    "two kinds of recipients",
    { type: "fanout", bindings: [{ to: { queue: "a", group: "b" } }] },
    [["bindings/0/to", false]],
  ],
  ["101 bindings", { type: "fanout", bindings: Array.from({ length: 101 }, () => ({ to })) }, [["bindings", false]]],
])("an exchange is refused: %s", ([, document, places]) => {
  expect(issues(documentSchemas.exchange, document)).toEqual(places);
});

test.for<[string, object, [string, boolean][]]>([
  ["it never fires", { cron: "0 0 31 2 *" }, [["cron", true]]],
  ["no cron", { cron: "soon" }, [["cron", true]]],
  ["an unknown zone", { zone: "Mars/Olympus" }, [["zone", true]]],
  [
    "both",
    { zone: "", cron: "" },
    [
      ["zone", true],
      ["cron", true],
    ],
  ],
  ["no data", { data: undefined }, [["data", false]]],
  [
    "33 headers",
    { headers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, n])) },
    [["headers", false]],
  ],
])("a schedule is refused: %s", ([, members, places]) => {
  expect(
    issues(
      writtenSchedule(() => NOW),
      { ...plan, ...members },
    ),
  ).toEqual(places);
});

test("a schedule may publish to an exchange, and its data is nested at most 60 levels", () => {
  const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
  const put = (data: unknown) => issues(documentSchemas.schedule, { ...plan, to: { exchange: "x", key: "k" }, data });
  expect(put(nested(60))).toEqual([]);
  for (const levels of [61, 5_000]) expect(put(nested(levels))).toEqual([["data", false]]);
});
