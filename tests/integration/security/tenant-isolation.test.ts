import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { clientFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { produce } from "#tests/support/kafka-records.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";

/**
 * Every endpoint and frame, as the services themselves list them, tried by another tenant that has all rights
 * in its own tenant. An endpoint or frame without a case here fails the test.
 */
const VICTIM = "victim";
const INTRUDER = "intruder";
/** The same name in both tenants. */
const CLIENT = "client-of-both";
const SECRET = "what-only-the-victim-may-read";

let stack: Stack;
let services: Record<Kind, Service>;
let operator: ConsoleApi;
let cursor: string;
let victimKey: string;
/** The intruder's resources: everything that a tenant can have. */
let key: string;
let subscriber: string;

beforeAll(async () => {
  const kinds: Kind[] = ["receiver", "director", "distributor", "console"];
  stack = await startStack({ services: kinds, env: { DRAIN_MS: "0" } });
  services = Object.fromEntries(kinds.map((kind, index) => [kind, stack.services[index]!])) as Record<Kind, Service>;
  operator = await ConsoleApi.of(stack, services.console);
  for (const tenant of [VICTIM, INTRUDER]) await operator.does("PUT", `/${tenant}`, { trust: "scopes" });
  const made = await operator.does("POST", `/${INTRUDER}/keys`, {
    name: "all",
    scopes: ["publish", "operate", "read"],
  });
  key = made.key as string;
  victimKey = (await operator.does("POST", `/${VICTIM}/keys`, { name: SECRET, scopes: ["publish"] })).id as string;
  await operator.does("PUT", `/${VICTIM}/grants/g`, { role: "publisher", subjects: [SECRET] });
  await operator.does("PUT", `/${VICTIM}/issuers/g`, {
    issuer: SECRET,
    audience: "x",
    algorithms: ["ES256"],
    jwksUrl: "https://x.example/",
  });
  await operator.does("PUT", `/${VICTIM}/revocations/g`, {});
  const to = { queue: "secrets" };
  await operator.does("PUT", `/${VICTIM}/queues/g`, {});
  await operator.does("PUT", `/${VICTIM}/exchanges/g`, { type: "direct", bindings: [{ key: SECRET, to }] });
  await operator.does("PUT", `/${VICTIM}/schedules/g`, { cron: "0 9 * * *", zone: "UTC", to, data: SECRET });
  subscriber = await stack.token({ client: CLIENT, tenant: INTRUDER });
  await until("the victim may publish", async () => {
    const { status } = await asked("receiver", "POST", "/v1/notifications", {
      token: victims(),
      body: notification(SECRET),
      headers: { "idempotency-key": SECRET },
    });
    return status === 202;
  });
  // Bytes that are not a pack: a dead letter.
  await produce(stack, "accepted", 0, [Buffer.from(SECRET)]);
  await until("it is stored", async () => (await victimsPoll()).text.includes(SECRET));
  cursor = (JSON.parse((await victimsPoll()).text) as { cursor: string }).cursor;
});

afterAll(() => stack.close());

const until = (what: string, holds: () => Promise<boolean>): Promise<void> =>
  vi.waitFor(
    async () => {
      if (!(await holds())) throw new Error(`Not in time: ${what}.`);
    },
    { timeout: 60_000 },
  );

const victims = (): Promise<string> => stack.token({ publisher: "shop", tenant: VICTIM });
const notification = (text: string): string => JSON.stringify({ to: { client: CLIENT }, data: text });

interface Said {
  status: number;
  text: string;
}

async function asked(
  kind: Kind,
  method: string,
  path: string,
  {
    token = Promise.resolve(key),
    body,
    headers = {},
  }: { token?: Promise<string>; body?: string; headers?: Record<string, string> } = {},
): Promise<Said> {
  const response = await fetch(`${services[kind].url}${path}`, {
    method,
    headers: { authorization: `Bearer ${await token}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(30_000),
  });
  // A stream: its first messages, up to `live`.
  if (!response.headers.get("content-type")?.includes("event-stream"))
    return { status: response.status, text: await response.text() };
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes("event: live")) break;
  }
  return { status: response.status, text };
}

/** Without a cursor, so that it acknowledges nothing. */
const victimsPoll = async (): Promise<Said> =>
  asked("distributor", "GET", "/v1/poll?wait=1", { token: stack.token({ client: CLIENT, tenant: VICTIM }) });

/** Frames that an intruder's WebSocket gets until it is live or closed; it sends `frame` first. */
async function overWebSocket(frame?: object): Promise<{ text: string; code: number | undefined }> {
  const url = `${services.distributor.url.replace("http", "ws")}/v1/ws?cursor=${cursor}`;
  const socket = new WebSocket(url, ["notifications.v1.json", `bearer.${subscriber}`]);
  let text = "";
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  socket.addEventListener("open", () => frame && socket.send(JSON.stringify(frame)));
  socket.addEventListener("message", ({ data }) => {
    text += String(data);
    if (text.includes(frame ? '"type":"pong"' : '"type":"live"')) resolve(undefined);
  });
  socket.addEventListener("close", ({ code }) => resolve(code));
  const late = setTimeout(() => resolve(undefined), 20_000);
  const code = await promise;
  clearTimeout(late);
  socket.close();
  return { text, code };
}

type Case = () => Promise<void>;

async function checkEmpty(said: Said): Promise<void> {
  expect(said.status).toBe(200);
  expect(said.text).not.toContain(SECRET);
}

/** Every caller gets the same answer, without data of a tenant. */
const open =
  (kind: Kind, path: string): Case =>
  async () => {
    const said = await asked(kind, "GET", path);
    expect(said.status).toBeLessThan(500);
    for (const name of [SECRET, CLIENT, VICTIM]) expect(said.text).not.toContain(name);
  };

const closed =
  (kind: Kind, method: string, path: string, body?: string): Case =>
  async () => {
    const said = await asked(kind, method, path, body === undefined ? {} : { body });
    expect([method, path, said.status]).toEqual([method, path, 403]);
    expect(said.text).not.toContain(SECRET);
  };

const CASES: Record<string, Case> = {
  "receiver POST /v1/notifications": async () => {
    // The request reaches the intruder's own client of that name, and a key used by another tenant is its own.
    const said = await asked("receiver", "POST", "/v1/notifications", {
      body: notification("mine"),
      headers: { "idempotency-key": SECRET },
    });
    expect(said.status).toBe(202);
    for (const body of [
      { tenant: VICTIM },
      { to: { client: CLIENT, tenant: VICTIM } },
      { to: { client: `${VICTIM}/${CLIENT}` } },
    ]) {
      const tried = await asked("receiver", "POST", "/v1/notifications", {
        body: JSON.stringify({ to: { client: CLIENT }, data: "injected", ...body }),
      });
      // A slash is part of a client's name, inside the tenant.
      expect([400, 422, 202]).toContain(tried.status);
    }
    expect((await victimsPoll()).text).not.toMatch(/mine|injected/);
  },
  "distributor WS /v1/ws": async () => {
    const { text } = await overWebSocket();
    expect(text).toContain('"type":"connected"');
    expect(text).not.toContain(SECRET);
  },
  "distributor GET /v1/ws": async () => {
    expect((await asked("distributor", "GET", "/v1/ws")).status).toBe(426);
  },
  "distributor GET /v1/sse": async () =>
    checkEmpty(await asked("distributor", "GET", `/v1/sse?cursor=${cursor}`, { token: Promise.resolve(subscriber) })),
  "distributor GET /v1/poll": async () =>
    checkEmpty(
      await asked("distributor", "GET", `/v1/poll?wait=1&cursor=${cursor}`, { token: Promise.resolve(subscriber) }),
    ),
  "distributor POST /v1/acks": async () => {
    const said = await asked("distributor", "POST", "/v1/acks", {
      token: Promise.resolve(subscriber),
      body: JSON.stringify({ cursor }),
    });
    expect(said.status).toBe(400);
  },
  // A ticket is for the client that asked for it.
  "distributor POST /v1/tickets": async () => {
    const said = await asked("distributor", "POST", "/v1/tickets", { token: Promise.resolve(subscriber), body: "" });
    const { ticket } = JSON.parse(said.text) as { ticket: string };
    const headers = { authorization: "" };
    await checkEmpty(await asked("distributor", "GET", `/v1/sse?cursor=${cursor}&ticket=${ticket}`, { headers }));
  },
  "distributor frame ack": async () => {
    expect(await overWebSocket({ type: "ack", cursor })).toMatchObject({ code: 4001 });
  },
  "distributor frame refresh": async () => {
    const token = await stack.token({ client: CLIENT, tenant: VICTIM });
    expect(await overWebSocket({ type: "refresh", token })).toMatchObject({ code: 4003 });
  },
  "distributor frame ping": async () => {
    const { text } = await overWebSocket({ type: "ping" });
    expect(text).toContain('"type":"pong"');
    expect(text).not.toContain(SECRET);
  },
  "console GET /v1/loudest-tenants": closed("console", "GET", "/v1/loudest-tenants"),
  "console POST /v1/session": closed("console", "POST", "/v1/session"),
  "console GET /v1/session": closed("console", "GET", "/v1/session"),
  "console DELETE /v1/session": closed("console", "DELETE", "/v1/session"),
  "console GET /v1/sign-in": closed("console", "GET", "/v1/sign-in"),
  "console GET /v1/sign-in/callback": closed("console", "GET", "/v1/sign-in/callback?code=x&state=x"),
  "console GET /v1/figures": closed("console", "GET", "/v1/figures"),
  "console GET /v1/health/services": closed("console", "GET", "/v1/health/services"),
  "console GET /v1/audit": closed("console", "GET", `/v1/audit?tenant=${VICTIM}`),
  "console GET /v1/dead-letters": closed("console", "GET", "/v1/dead-letters"),
  "console GET /v1/dead-letters/:id": closed("console", "GET", "/v1/dead-letters/0-0"),
  "console POST /v1/dead-letters/:id/redrive": closed("console", "POST", "/v1/dead-letters/0-0/redrive", "{}"),
  "director GET /v1/dead-letters": closed("director", "GET", "/v1/dead-letters"),
  "director GET /v1/dead-letters/:id": closed("director", "GET", "/v1/dead-letters/0-0"),
  "director POST /v1/dead-letters/:id/redrive": closed("director", "POST", "/v1/dead-letters/0-0/redrive"),
};

/**
 * Health, metrics and documents are the same for all tenants. The console closes all data of a tenant to others, in
 * the same way.
 */
function caseOf(endpoint: string): Case | undefined {
  const [kind, method, path] = endpoint.split(" ") as [Kind, string, string];
  if (/^\/(health\/(live|ready|serving)|metrics|docs|openapi\.json|asyncapi\.json)$/.test(path))
    return open(kind, path);
  if (path === "/problems/:name") return open(kind, "/problems/forbidden");
  if (kind !== "console" || !path.startsWith("/v1/tenants")) return CASES[endpoint];
  const id = path.includes("/keys/") ? victimKey : "g";
  const body = method === "PUT" || method === "POST" ? "{}" : undefined;
  return closed(
    kind,
    method,
    path.replace(":tenant", VICTIM).replace(":id", id).replace(":group", "g").replace(":client", CLIENT),
    body,
  );
}

const RESOURCES = ["", "/keys", "/grants", "/issuers", "/revocations", "/queues", "/exchanges", "/schedules"];

async function endpoints(): Promise<string[]> {
  const all: string[] = [];
  for (const [kind, service] of Object.entries(services)) {
    const { routes } = await service.logged((line) => Array.isArray(line.routes) && line.routes.length > 3);
    for (const route of routes as string[]) all.push(`${kind} ${route}`);
  }
  for (const { shape } of clientFrame.options) all.push(`distributor frame ${shape.type.value}`);
  return all;
}

test("every endpoint and frame is tried, and gives others nothing", async () => {
  const all = await endpoints();
  expect(all.filter((endpoint) => !caseOf(endpoint))).toEqual([]);
  // No case is for an endpoint that no longer exists.
  expect(Object.keys(CASES).filter((endpoint) => !all.includes(endpoint))).toEqual([]);
  const before = await Promise.all(RESOURCES.map((path) => operator.does("GET", `/${VICTIM}${path}`)));
  for (const endpoint of all) {
    try {
      await caseOf(endpoint)!();
    } catch (error) {
      throw new Error(`${endpoint}: ${String(error)}`, { cause: error });
    }
  }
  // The attempts changed nothing: all stored notifications are there, unacknowledged, and so are the operator's
  // resources.
  expect(await Promise.all(RESOURCES.map((path) => operator.does("GET", `/${VICTIM}${path}`)))).toEqual(before);
  const { notifications } = JSON.parse((await victimsPoll()).text) as { notifications: { data: string }[] };
  expect(notifications.map(({ data }) => data)).toEqual([SECRET]);
});

test("no metric has the name of a tenant's client", async () => {
  for (const kind of Object.keys(services) as Kind[]) {
    const { text } = await asked(kind, "GET", "/metrics");
    for (const name of [CLIENT, SECRET]) expect(text).not.toContain(name);
  }
});
