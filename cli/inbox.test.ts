import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createProgram } from "./program.ts";

interface Asked {
  request: string;
  body: unknown;
}

const CURSOR = "0123456789abcdef012345678";
const ITEM = { id: "0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10", cursor: CURSOR, publishedAt: "2026-11-27T09:00:00.000Z" };
const PAGE = {
  items: [
    { ...ITEM, event: "order.paid", mark: "seen", data: {} },
    { ...ITEM, mark: null, data: "\u001b[2J" },
  ],
  unread: 7,
  unseen: 3,
  more: true,
};

let asked: Asked[];
let answer: object;
/** A courier and a console in one. */
const server = createServer((request, response) => {
  void text(request).then((body) => {
    asked.push({ request: `${request.method} ${request.url}`, body: body === "" ? undefined : JSON.parse(body) });
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
});

beforeEach(async () => {
  asked = [];
  if (!server.listening) await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv("COURIER_URL", url);
  vi.stubEnv("CONSOLE_URL", url);
  vi.stubEnv("OPERATOR_TOKEN", "t");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  server.close();
  server.closeAllConnections();
});

async function cli(line: string): Promise<string> {
  let out = "";
  vi.spyOn(process.stdout, "write").mockImplementation((chunk) => {
    out += String(chunk);
    return true;
  });
  await createProgram("notifications").parseAsync(line.split(" "), { from: "user" });
  return out;
}

test("a client's inbox is a table with its counts, and the command for the next page", async () => {
  answer = PAGE;
  expect(await cli(`inbox list shop/u1 --tenant shop --limit 2 --before ${CURSOR}`)).toBe(
    `ID                                    WHEN                      MARK  EVENT
${ITEM.id}  2026-11-27T09:00:00.000Z  seen  order.paid
${ITEM.id}  2026-11-27T09:00:00.000Z  -     -

7 unread, 3 not seen
More: notifications inbox list shop/u1 --tenant shop --before ${CURSOR}
`,
  );
  expect(asked).toEqual([{ request: `GET /v1/inbox/shop%2Fu1?tenant=shop&limit=2&before=${CURSOR}`, body: undefined }]);
});

test("an empty inbox shows only its counts", async () => {
  answer = { items: [], unread: 0, unseen: 0, more: false };
  expect(await cli("inbox list u1 --tenant shop")).toBe("0 unread, 0 not seen\n");
});

test("--json prints what the courier answered, without control characters", async () => {
  answer = PAGE;
  const out = await cli("inbox list u1 --tenant shop --json");
  expect(JSON.parse(out)).toEqual(PAGE);
  expect(out).not.toContain("\u001b");
});

test("an inbox is deleted, and the output has its size", async () => {
  answer = { deleted: 12 };
  expect(await cli("inbox delete u1 --tenant shop")).toBe("Notifications deleted from the inbox of u1: 12.\n");
  expect(asked).toEqual([{ request: "DELETE /v1/inbox/u1?tenant=shop", body: undefined }]);
});

test.each([
  ["order.paid,alert.* --items 200 --days 7", { inbox: { events: ["order.paid", "alert.*"], items: 200, days: 7 } }],
  ["*", { inbox: { events: ["*"] } }],
  ["none", { inbox: { events: [] } }],
  ["default", {}],
])("tenant inbox shop %s replaces the setting, and keeps the tenant's other settings", async (args, written) => {
  answer = { tenant: "shop", trust: "scopes", inbox: { events: ["old"], days: 3 }, changed: "today" };
  await cli(`tenant inbox shop ${args}`);
  expect(asked).toEqual([
    { request: "GET /v1/tenants/shop", body: undefined },
    { request: "PUT /v1/tenants/shop", body: { trust: "scopes", ...written } },
  ]);
});
