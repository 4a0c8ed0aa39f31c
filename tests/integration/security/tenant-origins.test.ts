import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { newTenant, startTenancy } from "#tests/support/tenants.ts";
import { headFrom } from "#tests/support/raw-http.ts";

const SHOP = "https://shop.example";
const ALL = "https://all.example";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let desk: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  ({ stack, receiver, distributor, desk, operator } = await startTenancy({ ALLOWED_ORIGINS: ALL }));
  await newTenant(operator, "shop");
  await newTenant(operator, "rival");
});

afterAll(() => stack.close());

const tokenOf = (tenant: string): Promise<string> => stack.token({ client: "page", tenant });
const allow = (tenant: string, origins: string[]) =>
  operator.does("PUT", `/${tenant}`, { trust: "scopes", ...(origins.length > 0 && { origins }) });

/** Status of an upgrade by a page; the socket stays open. */
async function upgrade(
  origin: string,
  tenant: string,
): Promise<{ status: number; closed: Promise<string>; end(): void }> {
  const { hostname, port } = new URL(distributor.url);
  const socket = connect(Number(port), hostname);
  const key = "sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const offered = `sec-websocket-protocol: notifications.v1.json, bearer.${await tokenOf(tenant)}\r\n`;
  socket.write(
    `GET /v1/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${key}${offered}origin: ${origin}\r\n\r\n`,
  );
  let said = "";
  socket.on("data", (bytes: Buffer) => (said += bytes.toString("latin1")));
  socket.on("error", () => {});
  await headFrom(socket);
  return {
    status: Number(said.split(" ")[1]),
    closed: once(socket, "close").then(() => said),
    end: () => socket.destroy(),
  };
}

async function status(origin: string, tenant: string): Promise<number> {
  const page = await upgrade(origin, tenant);
  page.end();
  return page.status;
}

async function polled(origin: string, tenant: string): Promise<[number, string | null]> {
  const headers = { authorization: `Bearer ${await tokenOf(tenant)}`, origin };
  const answer = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers });
  await answer.text();
  return [answer.status, answer.headers.get("access-control-allow-origin")];
}

test("R48: a tenant's origins come from its document, change at run time, and count for no other tenant", async () => {
  expect(await status(SHOP, "shop")).toBe(403);
  // A new tenant takes effect soon. Without CORS headers the browser shows the page nothing.
  await expect.poll(() => polled(SHOP, "shop")).toEqual([200, null]);
  await expect.poll(() => polled(ALL, "rival")).toEqual([200, ALL]);
  await allow("shop", [SHOP]);
  await expect.poll(() => status(SHOP, "shop")).toBe(101);
  expect(await polled(SHOP, "shop")).toEqual([200, SHOP]);
  expect([await status(SHOP, "rival"), await polled(SHOP, "rival")]).toEqual([403, [403, SHOP]]);
  for (const tenant of ["shop", "rival"])
    expect([await status(ALL, tenant), await polled(ALL, tenant)]).toEqual([101, [200, ALL]]);
  for (const service of [distributor, receiver]) {
    const path = service === receiver ? "/v1/notifications" : "/v1/acks";
    const headers = { origin: SHOP, "access-control-request-method": "POST" };
    const preflight = async () => {
      const answer = await fetch(`${service.url}${path}`, { method: "OPTIONS", headers });
      return [answer.status, answer.headers.get("access-control-allow-origin")];
    };
    // Each service reads the tenant's document on its own, so the receiver may learn of it later.
    await expect.poll(preflight).toEqual([204, SHOP]);
  }
  const why = 'the origin "https://shop.example" is neither in the tenant\'s document nor in ALLOWED_ORIGINS';
  expect(distributor.logs.filter((line) => line.why === why).length).toBeGreaterThanOrEqual(2);
});

test("R19: an origin removed from the document has its pages' connections closed, and others stay", async () => {
  await allow("shop", [SHOP]);
  await expect.poll(() => status(SHOP, "shop")).toBe(101);
  const [page, other] = [await upgrade(SHOP, "shop"), await upgrade(ALL, "shop")];
  await allow("shop", []);
  expect(await page.closed).toContain('"code":4004');
  expect(await Promise.race([other.closed, Promise.resolve("open")])).toBe("open");
  other.end();
  expect(await status(SHOP, "shop")).toBe(403);
});

test("explain-access gives the reason for a refused page, and the origin to send", async () => {
  await allow("shop", [SHOP]);
  const asked = async (tenant: string, body: object) => {
    const { allowed, checks } = await operator.does("POST", `/${tenant}/explain-access`, body);
    return [allowed, (checks as { why?: string }[]).find(({ why }) => why !== undefined)?.why];
  };
  expect(await asked("shop", { origin: SHOP })).toEqual([true, undefined]);
  expect(await asked("rival", { origin: SHOP })).toEqual([
    false,
    expect.stringContaining("neither in the tenant's document"),
  ]);
  expect(await asked("shop", { origin: `${SHOP}/app` })).toEqual([false, expect.stringContaining(`sends ${SHOP} `)]);
  expect(await asked("shop", { origin: "null" })).toEqual([false, expect.stringContaining("sandboxed")]);
  expect(await asked("shop", { origin: "shop.example" })).toEqual([false, expect.stringContaining("not an origin")]);
  const token = await tokenOf("shop");
  expect(await asked("shop", { origin: SHOP, token, scope: "subscribe" })).toEqual([true, undefined]);
  expect(await asked("shop", { origin: "https://x.example", token, scope: "subscribe" })).toEqual([
    false,
    expect.stringContaining("https://x.example"),
  ]);
  const { status: refused } = await operator.ask("PUT", "/shop", { origins: ["https://shop.example/"] });
  expect(refused).toBe(400);
  const page = new ConsoleApi(desk, token);
  expect((await page.ask("GET", "/shop")).status).toBe(403);
});
