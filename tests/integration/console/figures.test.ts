import { afterAll, beforeAll, expect, test } from "vitest";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let receiver: Service;
let desk: Service;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver"] });
  [receiver] = stack.services as [Service];
  desk = await stack.start("console", { METRICS_URLS: `${receiver.url},http://127.0.0.1:1` });
});
afterAll(() => stack.close());

async function ask(path: string, bearer: Parameters<Stack["token"]>[0] = { publisher: "ada", scope: "read" }) {
  const authorization = `Bearer ${await stack.token(bearer)}`;
  const response = await fetch(`${desk.url}${path}`, { headers: { authorization } });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

test("figures come from the services themselves", async () => {
  const { status, body } = await ask("/v1/figures");
  expect(status).toBe(200);
  expect(body).toMatchObject({ source: "the services' metrics", connections: {} });
  const { times, series } = body as { times: number[]; series: Record<string, (number | null)[]> };
  expect(series.accepted).toHaveLength(times.length);
});

test("the health names each service with its version, and addresses that do not answer", async () => {
  const { body } = await ask("/v1/health/services");
  expect(body).toMatchObject({
    services: [{ service: "receiver", version: expect.stringMatching(/^\d+\.\d+/), ready: true, away: [] }],
    unknown: ["127.0.0.1:1"],
  });
});

test("a caller without the scope sees no figures", async () => {
  expect((await ask("/v1/figures", { publisher: "p" })).status).toBe(403);
});
