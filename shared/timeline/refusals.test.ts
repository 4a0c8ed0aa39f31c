import { beforeEach, expect, test } from "vitest";
import { problemOf, type Problem } from "#http/problem.ts";
import { createRegistry } from "#runtime/metrics.ts";
import type { Details } from "./events.ts";
import { Refusals } from "./refusals.ts";

let now: number;
let recorded: { key: string; id: string; detail: Details["refused"] }[];
let registry: ReturnType<typeof createRegistry>;
let refusals: Refusals;

beforeEach(() => {
  now = 0;
  recorded = [];
  registry = createRegistry("test");
  const record = (_: string, key: string, id: string, detail: object): void =>
    void recorded.push({ key, id, detail: detail as Details["refused"] });
  refusals = new Refusals({ events: { record } as never, registry, now: () => now });
});

const request = { method: "post", path: "/v1/notifications", tenant: "acme" };
const note = (problem: Problem, tenant: string | undefined = "acme"): string =>
  refusals.note({ ...request, ...(tenant === "" ? { tenant: undefined } : { tenant }) } as typeof request, problem);

test("a refusal is recorded for its tenant, under the id in its answer", () => {
  const instance = note(problemOf("rate-limited", "Slow down."));
  expect(instance).toBe(`urn:uuid:${recorded[0]!.id}`);
  const detail = { problem: "rate-limited", status: 429, why: "Slow down.", instance: recorded[0]!.id };
  expect(recorded).toMatchObject([{ key: "acme/", detail: { ...detail, method: "post", path: request.path } }]);
});

test("a refusal before the caller is known is the platform's", () => {
  note(problemOf("forbidden"), "");
  expect(recorded).toMatchObject([{ key: "platform/" }]);
});

test("nothing of a body is recorded: errors are named by their pointers and what was expected", () => {
  const error = { pointer: "/to/client", detail: "It is SECRET.", expected: "a client's id", fix: "Not SECRET." };
  note(problemOf("invalid-shape", "It is SECRET.", { errors: [error, error, error, error] }));
  note(problemOf("not-json", "Unexpected token S in SECRET"));
  expect(recorded[0]!.detail.why).toBe(`${"/to/client: expected a client's id; ".repeat(3)}and 1 more`);
  expect(recorded[1]!.detail.why).toBe("Not JSON");
  expect(JSON.stringify(recorded)).not.toContain("SECRET");
});

test("a long path and a long reason are cut", () => {
  refusals.note({ ...request, path: `/${"p".repeat(5_000)}` }, problemOf("not-found", "w".repeat(5_000)));
  expect(recorded[0]!.detail.path).toHaveLength(200);
  expect(recorded[0]!.detail.why).toHaveLength(300);
});

test("a flood is sampled and counted, takes no room from other tenants, and has a bound in all", async () => {
  for (let count = 0; count < 1_000; count += 1) note(problemOf("rate-limited"));
  expect(recorded).toHaveLength(100);
  note(problemOf("rate-limited"), "other");
  expect(recorded).toHaveLength(101);
  for (let count = 0; count < 1_000; count += 1) note(problemOf("rate-limited"), `tenant-${count}`);
  expect(recorded).toHaveLength(500);
  const { values } = await registry.getSingleMetric("refusals_total")!.get();
  expect(values.map(({ labels, value }) => [labels.result, value])).toEqual([
    ["recorded", 500],
    ["dropped", 1_501],
  ]);
  now = 1_000;
  for (let count = 0; count < 1_000; count += 1) note(problemOf("rate-limited"));
  expect(recorded).toHaveLength(505);
});
