import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { DispatcherApi } from "#tests/support/dispatcher-api.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let dispatcher: Service;
/** Of the groups, it may publish to those that begin with `team-`. */
let shop: DispatcherApi;

beforeAll(async () => {
  stack = await startStack({ services: ["dispatcher", "console"] });
  dispatcher = stack.services[0]!;
  const operator = await ConsoleApi.of(stack, stack.services[1]!);
  const grant = { role: "publisher", subjects: ["shop"], targets: ["group/team-*"] };
  for (const tenant of ["acme", "other"]) await operator.does("PUT", `/${tenant}/grants/shop`, grant);
  shop = await apiOf("shop");
  const others = await apiOf("shop", "other");
  for (const api of [shop, others])
    await vi.waitUntil(async () => (await api.ask("GET", "groups/team-a")).status === 200, 20_000);
});

afterAll(() => stack.close());

async function apiOf(publisher: string, tenant = "acme", scope = "publish"): Promise<DispatcherApi> {
  return new DispatcherApi(dispatcher, await stack.token({ publisher, tenant, scope }));
}

const members = async (group: string, api = shop): Promise<unknown> =>
  (await api.ask("GET", `groups/${group}/members`)).body.members;

test("a member joins and leaves, and a repeat changes nothing", async () => {
  for (const client of ["u1", "u2", "u2", "%7E%21"])
    expect(await shop.ask("PUT", `groups/team-a/members/${client}`)).toEqual({ status: 204, body: {} });
  expect((await members("team-a")) as string[]).toHaveLength(3);
  expect(await members("team-a")).toEqual(expect.arrayContaining(["u1", "u2", "~!"]));
  expect(await shop.ask("GET", "groups/team-a")).toEqual({ status: 200, body: { group: "team-a", members: 3 } });
  for (const client of ["u1", "u1", "%7E%21"])
    expect((await shop.ask("DELETE", `groups/team-a/members/${client}`)).status).toBe(204);
  expect(await members("team-a")).toEqual(["u2"]);
});

test("one request adds and removes many members, and says how many changed", async () => {
  const add = Array.from({ length: 1_000 }, (_, n) => `m${n}`);
  const change = (body: object) => shop.ask("POST", "groups/team-b/members", body);
  expect(await change({ add })).toEqual({ status: 200, body: { added: 1_000, removed: 0 } });
  expect(await change({ add: add.slice(0, 500) })).toEqual({ status: 200, body: { added: 0, removed: 0 } });
  expect(await change({ add: ["n1", "n1"], remove: ["m0", "m1", "absent"] })).toEqual({
    status: 200,
    body: { added: 1, removed: 2 },
  });
  const listed: string[] = [];
  let pages = 0;
  for (let after: unknown = ""; after !== undefined; pages += 1) {
    const query = `?limit=300${after === "" ? "" : `&after=${encodeURIComponent(after as string)}`}`;
    const { status, body } = await shop.ask("GET", `groups/team-b/members${query}`);
    expect(status).toBe(200);
    listed.push(...(body.members as string[]));
    after = body.next;
  }
  expect(pages).toBe(4);
  expect(listed.toSorted()).toEqual([...add.slice(2), "n1"].toSorted());
  expect((await members("team-b")) as string[]).toHaveLength(100);
  expect((await shop.ask("DELETE", "groups/team-b")).status).toBe(204);
  expect(await members("team-b")).toEqual([]);
});

test("groups of two tenants with one name have nothing to do with each other", async () => {
  const others = await apiOf("shop", "other");
  await shop.ask("PUT", "groups/team-c/members/u1");
  expect(await members("team-c", others)).toEqual([]);
  await others.ask("PUT", "groups/team-c/members/u2");
  await others.ask("DELETE", "groups/team-c/members/u1");
  expect(await members("team-c")).toEqual(["u1"]);
  await others.ask("DELETE", "groups/team-c");
  expect(await members("team-c")).toEqual(["u1"]);
});

test("each route needs the scope and the target, and changes nothing without them", async () => {
  await shop.ask("PUT", "groups/team-d/members/u1");
  const routes: [string, string, object?][] = [
    ["GET", ""],
    ["GET", "/members"],
    ["POST", "/members", { add: ["x"] }],
    ["PUT", "/members/x"],
    ["DELETE", "/members/u1"],
    ["DELETE", ""],
  ];
  const callers: [string, DispatcherApi, string, number][] = [
    ["no token", new DispatcherApi(dispatcher), "team-d", 403],
    ["another publisher", await apiOf("stranger"), "team-d", 403],
    ["another group", shop, "staff", 403],
    ["another scope", await apiOf("shop", "acme", "read consume"), "team-d", 403],
  ];
  for (const [who, api, group, expected] of callers)
    for (const [method, path, body] of routes) {
      const { status } = await api.ask(method, `groups/${group}${path}`, body);
      expect([who, method, path, status]).toEqual([who, method, path, expected]);
    }
  expect(await members("team-d")).toEqual(["u1"]);
});

test.for<[string, string, string, unknown, number]>([
  ["a group's name", "PUT", "groups/team-%20/members/u1", undefined, 400],
  ["a client's id", "PUT", "groups/team-e/members/a%20b", undefined, 400],
  ["braces in a client's id", "PUT", "groups/team-e/members/%7Bq%7D", undefined, 400],
  ["a badly encoded id", "DELETE", "groups/team-e/members/%E0%A4", undefined, 400],
  ["no change", "POST", "groups/team-e/members", {}, 400],
  ["a client in both lists", "POST", "groups/team-e/members", { add: ["a"], remove: ["a"] }, 400],
  ["too many changes", "POST", "groups/team-e/members", { add: Array.from({ length: 1_001 }, (_, n) => `${n}`) }, 400],
  ["a wrong id in a list", "POST", "groups/team-e/members", { add: ["a", "b c"] }, 400],
  ["an unknown member", "POST", "groups/team-e/members", { add: ["a"], replace: true }, 400],
  ["no JSON", "POST", "groups/team-e/members", "{", 400],
  ["no limit", "GET", "groups/team-e/members?limit=0", undefined, 400],
  ["too high a limit", "GET", "groups/team-e/members?limit=1001", undefined, 400],
  ["a place that no list gave", "GET", "groups/team-e/members?after=a%20b", undefined, 400],
])("%s is refused with a problem, and changes nothing", async ([, method, path, body, expected]) => {
  const { status, body: problem } = await shop.ask(method, path, body);
  expect({ status, problem }).toMatchObject({ status: expected, problem: { type: expect.any(String), status } });
  expect(JSON.stringify(problem)).toMatch(/expected|detail/);
  expect(await members("team-e")).toEqual([]);
});
