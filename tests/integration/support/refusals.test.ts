import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { newTenant, publish } from "#tests/support/tenants.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** Why requests were refused, from the answer to the console. */
let stack: Stack;
let receiver: Service;
let distributor: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "director", "distributor", "recorder", "console"] });
  let desk: Service;
  [receiver, , distributor, , desk] = stack.services as [Service, Service, Service, Service, Service];
  operator = await ConsoleApi.of(stack, desk);
});

afterAll(() => stack.close());

const within = { timeout: 30_000, interval: 200 };

interface Refused {
  status: number;
  type: string;
  instance: string;
}

async function refused(answer: Promise<Response>): Promise<Refused> {
  return (await (await answer).json()) as Refused;
}

const reasonOf = (tenant: string, instance: string) => async () =>
  (await operator.ask("GET", `/${tenant}/refusals/${instance}`)).body;

function send(body: string, token: string, type = "application/json"): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, "content-type": type };
  return fetch(`${receiver.url}/v1/notifications`, { method: "POST", headers, body });
}

test("the instance of a refused publish leads to its reason, without its body, and only in its tenant", async () => {
  const token = await stack.token({ publisher: "shop", scope: "publish" });
  const { status, instance } = await refused(
    send('{"to": {"client": 7}, "event": ["SECRET"], "data": "SECRET"}', token),
  );
  expect([status, instance]).toEqual([400, expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/)]);
  await expect.poll(reasonOf("acme", instance), within).toMatchObject({
    instance: instance.slice("urn:uuid:".length),
    service: "receiver",
    problem: "invalid-shape",
    status: 400,
    method: "post",
    path: "/v1/notifications",
    why: expect.stringContaining("/to/client") as string,
  });
  const other = await newTenant(operator, "other");
  expect((await operator.ask("GET", `/${other}/refusals/${instance}`)).status).toBe(404);
  expect(JSON.stringify(await operator.does("GET", "/acme/refusals"))).not.toContain("SECRET");
});

test("every kind of refusal has an instance, and an accepted request has none", async () => {
  const token = await stack.token({ publisher: "shop", scope: "publish" });
  const bearer = { authorization: `Bearer ${token}` };
  const answers = {
    json: await refused(send("{", token)),
    media: await refused(send("<a/>", token, "text/xml")),
    large: await refused(send(`{"data": "${"x".repeat(5 << 20)}"}`, token)),
    path: await refused(fetch(`${receiver.url}/v1/nothing`, { headers: bearer })),
    method: await refused(fetch(`${receiver.url}/v1/notifications`, { method: "DELETE", headers: bearer })),
    poll: await refused(fetch(`${distributor.url}/v1/poll?wait=never`, { headers: bearer })),
    stream: await refused(fetch(`${distributor.url}/v1/sse`, { headers: bearer })),
    socket: await refused(fetch(`${distributor.url}/v1/ws`, { headers: bearer })),
  };
  const { json, media, large, path, method, poll, stream, socket } = answers;
  expect([json, media, large, path, method].map(({ status }) => status)).toEqual([400, 415, 413, 404, 405]);
  expect([poll, stream, socket].map(({ status }) => status)).toEqual([403, 403, 426]);
  for (const [name, { instance }] of Object.entries(answers))
    expect([name, instance]).toEqual([name, expect.any(String)]);
  await expect.poll(reasonOf("acme", large.instance), within).toMatchObject({ problem: "too-large", status: 413 });
  await expect.poll(reasonOf("platform", stream.instance), within).toMatchObject({ service: "distributor" });
  expect((await publish(receiver, token, "u1")).body).not.toHaveProperty("instance");
});

test("a refusal without an accepted token is the platform's, and the list has pages", async () => {
  const { status, instance } = await refused(send("{}", "no-token"));
  expect(status).toBe(403);
  await expect.poll(reasonOf("platform", instance), within).toMatchObject({ problem: "forbidden", status: 403 });
  const first = await operator.does("GET", "/platform/refusals?limit=1");
  const next = await operator.does("GET", `/platform/refusals?limit=1&before=${first.next as string}`);
  const instances = [first, next].map(({ items }) => (items as { instance: string }[])[0]!.instance);
  expect(new Set(instances).size).toBe(2);
  const { key } = await operator.does("POST", "/acme/keys", { name: "boss", scopes: ["operate"], clients: [] });
  const shop = new ConsoleApi(stack.services[4]!, key as string);
  await expect.poll(async () => (await shop.ask("GET", "/acme/refusals")).status, within).toBe(200);
  expect((await shop.ask("GET", "/platform/refusals")).status).toBe(403);
});
