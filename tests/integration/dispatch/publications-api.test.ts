import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { DispatcherApi } from "#tests/support/dispatcher-api.ts";
import { Dispatch } from "#tests/support/dispatch.ts";
import { publishRequests } from "#tests/support/publish-requests.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

const MEMBERS = 20_000;
let stack: Stack;
let receiver: Service;
let dispatcher: Service;
let operator: ConsoleApi;
let token: string;
let api: DispatcherApi;
let dispatch: Dispatch;

beforeAll(async () => {
  stack = await startStack({
    services: ["receiver", "dispatcher", "console", "director"],
    // A group of 20,000 takes five seconds.
    env: { FANOUT_RATE: "4000", GROUP_SESSION_MS: "2000" },
  });
  let desk: Service;
  [receiver, dispatcher, desk] = stack.services as [Service, Service, Service];
  operator = await ConsoleApi.of(stack, desk);
  const grant = { role: "publisher", subjects: ["shop"], targets: ["*"] };
  await operator.does("PUT", "/acme/grants/shop", grant);
  await operator.does("PUT", "/other/grants/shop", grant);
  token = await stack.token({ publisher: "shop" });
  api = new DispatcherApi(dispatcher, token);
  dispatch = new Dispatch(stack);
  for (const prefix of ["p", "q", "r"]) await dispatch.fill(`crowd-${prefix}`, MEMBERS, prefix);
  await vi.waitUntil(async () => (await api.ask("GET", "groups/crowd-p")).status === 200, 20_000);
  await vi.waitUntil(async () => {
    const { status } = await publish({ to: { group: "nobody" }, data: 1 }, { query: "?dryRun=true" });
    return status === 200;
  }, 20_000);
});

afterAll(async () => {
  await dispatch.close();
  await stack.close();
});

const { publish } = publishRequests(() => ({ stack, receiver, token }));

/** Publishes, and waits until the dispatcher knows the publication. */
async function published(item: object): Promise<string> {
  const { body } = await publish({ data: 1, ...item });
  const id = body.items[0].id as string;
  await vi.waitUntil(async () => (await api.ask("GET", `publications/${id}`)).status === 200, 20_000);
  return id;
}

const show = async (id: string) => (await api.ask("GET", `publications/${id}`)).body;
const ended = async (id: string) => {
  await dispatch.ended(id);
  return show(id);
};

/** Clients whose key begins so, that have a notification in accepted. */
async function reached(prefix: string): Promise<number> {
  const keys = (await readAccepted(stack)).map(({ key }) => key).filter((key) => key.startsWith(`acme/${prefix}`));
  return new Set(keys).size;
}

test("a waiting publication is cancelled at once, and never arrives", async () => {
  const id = await published({ to: { clients: ["w1", "w2"] }, delay: 2 });
  const due = await show(id);
  expect(due).toMatchObject({ id, state: "waiting", written: 0, refused: 0, to: { clients: ["w1", "w2"] } });
  expect(new Date(due.due as string).getTime()).toBeGreaterThan(Date.now() - 60_000);
  const second = await published({ to: { client: "x1" }, delay: 3 });
  expect(await api.ask("DELETE", `publications/${id}`)).toMatchObject({
    status: 200,
    body: { state: "cancelled", written: 0 },
  });
  expect(await api.ask("DELETE", `publications/${id.toUpperCase()}`)).toMatchObject({ status: 200 });
  expect(await show(id)).toMatchObject({ state: "cancelled", written: 0 });
  // The second one was due later.
  expect(await ended(second)).toMatchObject({ state: "done", written: 1 });
  expect([await reached("w"), await reached("x")]).toEqual([0, 1]);
});

test("what is over is answered 409, with the number of written notifications", async () => {
  await api.ask("POST", "groups/three/members", { add: ["t1", "t2", "t3"] });
  const id = await published({ to: { group: "three" } });
  expect(await ended(id)).toMatchObject({ state: "done", written: 3, refused: 0 });
  expect(await api.ask("DELETE", `publications/${id}`)).toMatchObject({
    status: 409,
    body: { type: "/problems/already-written", written: 3, detail: expect.stringContaining("retract") },
  });
});

test("a publication to an unknown exchange, or without a binding, is skipped with the reason", async () => {
  const unknown = await published({ to: { exchange: "unknown" } });
  expect(await ended(unknown)).toMatchObject({
    state: "skipped",
    written: 0,
    reason: expect.stringContaining('"unknown" does not exist'),
  });
  expect((await api.ask("DELETE", `publications/${unknown}`)).status).toBe(409);
  const later = await published({ to: { exchange: "unknown" }, delay: 1 });
  expect(await ended(later)).toMatchObject({ state: "skipped", reason: expect.stringContaining("does not exist") });
});

test("a publication is hidden from other tenants, and from those without its target", async () => {
  const id = await published({ to: { group: "three" }, delay: 600 });
  const toClient = await published({ to: { client: "b-1" }, delay: 600 });
  const other = await stack.token({ publisher: "shop", tenant: "other" });
  const { key } = await operator.does("POST", "/acme/keys", { name: "k", scopes: ["publish"], clients: ["a-*"] });
  const hidden: [string, string][] = [
    [id, other],
    [toClient, other],
    [id, await stack.token({ publisher: "stranger" })],
    [id, key as string],
    [toClient, key as string],
  ];
  await vi.waitUntil(async () => {
    const { status } = await new DispatcherApi(dispatcher, key as string).ask("GET", `publications/${id}`);
    return status !== 403;
  }, 20_000);
  for (const [index, [one, bearer]] of hidden.entries())
    for (const method of ["GET", "DELETE"]) {
      const { status } = await new DispatcherApi(dispatcher, bearer).ask(method, `publications/${one}`);
      expect([index, method, status]).toEqual([index, method, 404]);
    }
  for (const one of [id, toClient]) expect(await show(one)).toMatchObject({ state: "waiting" });
  expect((await new DispatcherApi(dispatcher).ask("GET", `publications/${id}`)).status).toBe(403);
  expect((await api.ask("GET", "publications/42")).status).toBe(400);
  expect((await api.ask("DELETE", `publications/${crypto.randomUUID()}`)).status).toBe(404);
});

const running = (id: string, least: number) =>
  vi.waitUntil(async () => ((await show(id)).written as number) >= least, { timeout: 60_000, interval: 50 });

test("DELETE during a fan-out stops it, and its count is what arrived", async () => {
  const id = await published({ to: { group: "crowd-p" } });
  const behind = await published({ to: { group: "crowd-p" } });
  await running(id, 2_000);
  const asked = performance.now();
  // It has not begun: no dispatcher counts anything first.
  expect(await api.ask("DELETE", `publications/${behind}`)).toMatchObject({
    status: 200,
    body: { state: "cancelled", written: 0 },
  });
  expect(performance.now() - asked).toBeLessThan(2_000);
  const { status, body } = await api.ask("DELETE", `publications/${id}`);
  expect({ status, body }).toMatchObject({ status: 200, body: { state: "cancelled", refused: 0 } });
  expect(body.written).toBeGreaterThanOrEqual(2_000);
  expect(body.written).toBeLessThan(MEMBERS);
  expect(await reached("p")).toBe(body.written);
  expect(await show(id)).toMatchObject({ state: "cancelled", written: body.written });
});

test("DELETE after a crash counts the page that the dead dispatcher had begun", async () => {
  const id = await published({ to: { group: "crowd-q" } });
  await running(id, 3_000);
  dispatcher.kill("SIGKILL");
  await dispatcher.exited;
  dispatcher = await stack.start("dispatcher");
  api.use(dispatcher);
  await vi.waitUntil(async () => {
    const { status } = await api.ask("DELETE", `publications/${id}`);
    return status === 200;
  }, 60_000);
  const { state, written } = await show(id);
  expect(state).toBe("cancelled");
  expect(written).toBeLessThan(MEMBERS);
  expect(await reached("q")).toBe(written);
});

test("DELETE of a publication that waits for its tenant's rate is answered at once", async () => {
  await operator.does("PUT", "/acme", { limits: { publishRate: 1, publishBurst: 1_000 } });
  await vi.waitUntil(async () => {
    const { headers } = await publish({ to: { group: "nobody" }, data: 1 }, { query: "?dryRun=true" });
    return headers.get("ratelimit-policy")?.includes("q=1000") ?? false;
  }, 20_000);
  const id = await published({ to: { group: "crowd-r" } });
  await running(id, 1_000);
  const { status, body } = await api.ask("DELETE", `publications/${id}`);
  expect({ status, body }).toMatchObject({ status: 200, body: { state: "cancelled" } });
  expect(await reached("r")).toBe(body.written);
});
