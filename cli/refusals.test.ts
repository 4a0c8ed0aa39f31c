import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { UsageError } from "./command.ts";
import { createProgram } from "./program.ts";

/** A console, a courier and a director in one. It counts requests: a wrong command line sends none. */
let requests = 0;
let answer: { status: number; body: string };
const server = createServer((request, response) => {
  requests += 1;
  request.resume();
  response
    .writeHead(answer.status, { "content-type": "application/json", location: "http://127.0.0.1:9" })
    .end(answer.body);
});

beforeAll(async () => {
  await once(server.listen(0, "127.0.0.1"), "listening");
});
afterAll(() => void server.close());
beforeEach(() => {
  requests = 0;
  answer = { status: 200, body: '{"items":[]}' };
});

async function cli(args: readonly string[], more: Record<string, string> = {}) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = {
    PATH: process.env.PATH,
    CONSOLE_URL: url,
    COURIER_URL: url,
    DIRECTOR_URL: url,
    OPERATOR_TOKEN: "t",
    ...more,
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], { env });
  const ended = once(child, "close");
  child.stdin.end();
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: ((await ended) as [number])[0], out, err: err.trim() };
}

test.each([
  ["tenant show a/b", "A tenant's name has"],
  ["tenant show ..", "A tenant's name has"],
  ["tenant add platform", "is reserved for operators"],
  ["tenant add shop --trust all", "Allowed choices are scopes, grants"],
  ["tenant key shop --name x --scopes subscribe", "Scopes of a key are"],
  ["tenant key shop --name x --scopes publish --clients u*1", "Write ids of clients"],
  ["tenant key shop --name x --scopes publish --ttl 90", "A duration is"],
  ["tenant rotate shop a.b", "An id has"],
  ["tenant origins shop https://shop.example/path", "origins without a path"],
  ["tenant limits shop publishRate", "is not a limit"],
  ["tenant limits shop publishRate=-1", "is not a limit"],
  ["tenant limits shop nothing=1", "is not a limit"],
  ["tenant inbox shop order*", "Write at most 50 events"],
  ["tenant inbox shop *,.*", "Write at most 50 events"],
  ["tenant inbox shop * --items 501", "A limit is a number from 1 to 500"],
  ["tenant inbox shop * --days 31", "A limit is a number from 1 to 30"],
  ["tenant inbox shop default --days 7", "default takes no --items"],
  ["where 17", "An id is a UUID"],
  ["where 0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10 --client a{b}", "A client's id has"],
  ["client explain u1 --id 17", "An id is a UUID"],
  ["client delete", "missing required argument 'client'"],
  ["refusal show abc", "An id is a UUID"],
  ["refusal list --limit 201", "A limit is a number from 1 to 200"],
  ["watches add u1", "Write client:NAME or publisher:NAME"],
  ["watches add client:a{b}", "A client's id has"],
  ["watches add publisher:", "It is empty"],
  ["watches add client:u1 --seconds 604801", "Write a number of seconds, 1 to 604800"],
  ["inbox list a{b}", "A client's id has"],
  ["inbox list u1 --limit 501", "A limit is a number from 1 to 500"],
  ["inbox list u1 --before x/y", "A cursor"],
  ["inbox delete", "missing required argument 'client'"],
  ["tenant issuer shop idp --issuer i --audience a", "either --jwks or --secret-file"],
  ["tenant issuer shop idp --issuer i --audience a --jwks https://x --algorithms none", "Algorithms are"],
  ["tenant grant shop apps --role boss --subjects u1", "Allowed choices are publisher"],
  ["tenant grant shop apps --role publisher", "--subjects"],
  ["tenant revoke shop u*", "It ends with *"],
  ["tenant remove shop secret x", "Allowed choices are key"],
  ["tenant remove shop key a.b", "An id has"],
  ["tenant usage --by size", "Allowed choices are bytes"],
  ["tenant usage --limit 101", "A limit is a number from 1 to 100"],
  ["tenant frobnicate", "unknown command 'frobnicate'"],
  ["tenant list --console-url ftp://x", "An address is http or https"],
  ["tenant list --console-url http://user:word@x", "An address is http or https"],
  ["tenant grant shop feed --role consumer --subjects feed --targets changes", "Write targets"],
  ["explain-access --scope consume --subject feed --target queue/*", "A target is a queue"],
  ["exchange show {x}", "A name has a letter or digit"],
  ["exchange put orders", "--file"],
  ["exchange explain orders --headers [1]", "Headers are a JSON object"],
  ["dead-letters show 17", "PARTITION-OFFSET"],
  ["dead-letters redrive ../x", "PARTITION-OFFSET"],
  ["dead-letters list --after 17", "the id of a dead letter"],
  ["dead-letters list --limit 501", "A limit is a number from 1 to 500"],
  ["audit --limit 0", "A limit is a number"],
  ["subscribe --url http://x --client u1 --token-file x", "either --client, which signs a token, or --token-file"],
  ["subscribe --url http://x", "Pass --client ID, --token-file FILE, or set NOTIFICATIONS_TOKEN"],
  ["subscribe --transport carrier-pigeon --token-file x", "Allowed choices are auto"],
])("%s is refused before any request", async (line, wrong) => {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const name of ["CONSOLE_URL", "COURIER_URL", "DIRECTOR_URL"]) vi.stubEnv(name, url);
  vi.stubEnv("OPERATOR_TOKEN", "t");
  onTestFinished(() => void vi.unstubAllEnvs());
  const parsed = createProgram("notifications").parseAsync(line.split(" "), { from: "user" });
  await expect(parsed).rejects.toThrow(wrong);
  await expect(parsed).rejects.toBeInstanceOf(UsageError);
  expect(requests).toBe(0);
});

test("a wrong command line ends with 2, and one line with its usage", async () => {
  const { code, out, err } = await cli(["tenant", "show", "a/b"]);
  expect({ code, out, requests }).toEqual({ code: 2, out: "", requests: 0 });
  expect(err).toMatch(/^✗ .*A tenant's name has.* Usage: notifications tenant show .*--help\)$/);
});

test.each([
  ["explain-access", "--scope is missing"],
  ["explain-access --scope publish", "Pass one of --token-file, --token and --subject"],
  ["explain-access --scope publish --token t --subject u", "Pass one of"],
  ["explain-access --scope publish --token t --issuer i", "--scopes and --issuer go with --subject"],
  ["explain-access --scope fly --subject u", "Allowed choices are"],
])("%s ends with 1, because 2 means that access is not allowed", async (line, wrong) => {
  expect(await cli(line.split(" "))).toEqual({ code: 1, out: "", err: expect.stringContaining(wrong) });
  expect(requests).toBe(0);
});

test.each([
  ["no credential", { OPERATOR_TOKEN: "" }, "Set OPERATOR_TOKEN"],
  ["no address", { CONSOLE_URL: "" }, "Pass --console-url URL, or set CONSOLE_URL"],
  ["a token in two lines", { OPERATOR_TOKEN: "SECRET\nx" }, "has spaces or characters"],
  [
    "a file that is not there",
    { OPERATOR_TOKEN: "", OPERATOR_TOKEN_FILE: "/nowhere" },
    "Name a file that you may read",
  ],
  ["an address that does not answer", { CONSOLE_URL: "http://127.0.0.1:9" }, "does not answer"],
] as const)("%s: the error says how to fix it", async (_, env, wrong) => {
  const { code, out, err } = await cli(["tenant", "list"], env);
  expect({ code, out, requests }).toEqual({ code: 1, out: "", requests: 0 });
  expect(err).toContain(wrong);
  expect(err).not.toContain("SECRET");
});

test.each([
  [403, '{"detail":"no\\u001b[2J"}', "The console answered 403: no\\u001b[2J Pass an operator's token"],
  [422, '{"errors":[{"pointer":"/limits","detail":"wrong"}]}', "/limits: wrong."],
  [502, "<html>", "answered 502 without JSON"],
  [200, "<html>", "answered 200 without JSON"],
  [302, "", "answered 302"],
])("an answer with %i is an error in one line", async (status, body, wrong) => {
  answer = { status, body };
  const { code, out, err } = await cli(["tenant", "list"]);
  expect({ code, out, requests }).toEqual({ code: 1, out: "", requests: 1 });
  expect(err).toContain(wrong);
  expect(err.split("\n")).toHaveLength(1);
});

test.each(["tenant", "tenant --json", "tenant list", "dead-letters --limit 5 --json"])("%s lists", async (line) => {
  answer.body = '{"items":[],"deadLetters":[]}';
  const { code, out } = await cli(line.split(" "));
  expect(code).toBe(0);
  expect(JSON.parse(out)).toBeDefined();
});
