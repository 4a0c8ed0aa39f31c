// oxlint-disable max-lines -- One start of all services serves every case.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { sendRaw, type Heard, type Ways } from "#tests/support/raw-requests.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";

/** How every port finds the start and end of a request (RFC 9112), byte for byte. */
let stack: Stack;
const services = {} as Record<Kind, Service>;
let publisher: string;

beforeAll(async () => {
  const kinds: Kind[] = ["receiver", "director", "distributor", "console"];
  stack = await startStack({
    services: kinds,
    env: { DRAIN_MS: "0", BODY_MS: "2000", ALLOWED_ORIGINS: "https://a.example" },
  });
  kinds.forEach((kind, index) => (services[kind] = stack.services[index]!));
  publisher = await stack.token({ publisher: "p" });
});

afterAll(() => stack.close());

const statuses = ({ answers }: Heard): number[] => answers.map(({ status }) => status);
const HOST = "host: x\r\n";
const LIVE = `GET /health/live HTTP/1.1\r\n${HOST}\r\n`;
const head = (line: string, ...headers: string[]): string => `${line} HTTP/1.1\r\n${headers.join("\r\n")}\r\n\r\n`;

/** A path of each service that takes a body, and answers 403 without a token. */
const POSTS = {
  receiver: "POST /v1/notifications",
  console: "POST /v1/tenants/acme/keys",
  director: "POST /v1/dead-letters/0-1/redrive",
} as const;

describe.each(["receiver", "console", "director"] as const)("%s, by Node", (kind) => {
  const says = (pieces: string | string[], ways?: Ways): Promise<Heard> => sendRaw(services[kind], pieces, ways);
  const post = (...headers: string[]): string => head(POSTS[kind], "host: x", ...headers);

  test.for([
    ["no Host", head("GET /health/live"), 400],
    ["two Hosts", head("GET /health/live", "host: a", "host: a"), 400],
    ["two Hosts, by other cases", head("GET /health/live", "host: a", "HOST: b"), 400],
    ["two Authorizations", head("GET /health/live", "host: x", "authorization: a", "authorization: b"), 400],
    ["a space before a colon", head("GET /health/live", "host: x", "a : b"), 400],
    ["a folded line", head("GET /health/live", "host: x", "a: b", " c"), 400],
    ["a NUL", head("GET /health/live", "host: x", "a: b\0c"), 400],
    ["a bare CR", head("GET /health/live", "host: x", "a: b\rc"), 400],
    ["bare LFs", "GET /health/live HTTP/1.1\nhost: x\n\n", 400],
    ["a target that is not a path", head("GET health", "host: x"), 400],
    ["an absolute-form without a host", head("GET http:///health/live", "host: x"), 400],
    ["CONNECT", head("CONNECT x:443", "host: x:443"), 405],
    ["a request that is not HTTP", "\x00\xff\r\n\r\n", 400],
    ["HTTP/2.0", head("GET /health/live").replace("1.1", "2.0"), 505],
    ["HTTP/3.0", head("GET /health/live").replace("1.1", "3.0"), 400],
    ["one header of 20 KB", head("GET /health/live", "host: x", `a: ${"b".repeat(20_000)}`), 431],
    ["150 headers", head("GET /health/live", "host: x", ...Array.from({ length: 150 }, () => "a:")), 431],
    ["a second Host after 2,000 headers", head("GET /", "host: x", ...Array<string>(2_100).fill("a:"), "host: y"), 431],
  ] as const)("%s gets a problem at once, and its connection closes", async ([, bytes, status]) => {
    const began = performance.now();
    const heard = await says(bytes + LIVE);
    expect(statuses(heard)).toEqual([status]);
    expect(performance.now() - began).toBeLessThan(5_000);
    const [{ headers, body }] = heard.answers as [(typeof heard.answers)[0]];
    expect(headers).toMatchObject({ "content-type": "application/problem+json", connection: "close" });
    expect(JSON.parse(body)).toMatchObject({ status, detail: expect.any(String) });
  });

  test.for([
    ["an empty Transfer-Encoding", post("transfer-encoding:")],
    ["an empty one, then chunked", post("transfer-encoding:", "transfer-encoding: chunked") + "0\r\n\r\n"],
    ["chunked twice", post("transfer-encoding: chunked", "transfer-encoding: chunked") + "0\r\n\r\n"],
    ["chunked, chunked", post("transfer-encoding: chunked, chunked") + "0\r\n\r\n"],
    ["another coding before chunked", post("transfer-encoding: gzip, chunked") + "0\r\n\r\n"],
    ["an unknown coding", post("transfer-encoding: xchunked")],
    ["chunked and a length", post("content-length: 5", "transfer-encoding: chunked") + "0\r\n\r\n"],
    ["chunked by HTTP/1.0", post("transfer-encoding: chunked").replace("1.1", "1.0") + "0\r\n\r\n"],
    ["two lengths that differ", post("content-length: 2", "content-length: 5") + "{}"],
    ["two lengths that are one", post("content-length: 2", "content-length: 2") + "{}"],
    ["two lengths in one line", post("content-length: 2, 2") + "{}"],
    ["an empty length", post("content-length:")],
    ["an empty length, then one", post("content-length:", "content-length: 2") + "{}"],
    ["a length with a sign", post("content-length: +2") + "{}"],
    ["a length that is negative", post("content-length: -2")],
    ["a length in hexadecimal", post("content-length: 0x2") + "{}"],
    ["two lengths of a GET", head("GET /health/live", "host: x", "content-length: 0", "content-length: 36")],
  ] as const)("%s is 400 and closed, and the rest of the packet is not read", async ([, bytes]) => {
    const heard = await says(bytes + LIVE + LIVE);
    expect(statuses(heard)).toEqual([400]);
  });

  test.for([
    ["a chunk that ends in XX", "5\r\nhelloXX0\r\n\r\n"],
    ["a last chunk that ends in XX", "5\r\nhello\r\n0\r\nXX"],
    ["bare LFs", "5\nhello\n0\n\n"],
    ["an invalid size", "g\r\nhello\r\n0\r\n\r\n"],
    ["no size", "\r\n"],
    ["a size that ends in ;", ";\r\n\r\n"],
    ["a size over 64 bits", "fffffffffffffffff\r\n"],
  ] as const)("chunks with %s: one error answer, then the connection closes", async ([, chunks]) => {
    const heard = await says(post("transfer-encoding: chunked") + chunks + LIVE);
    expect(heard.answers).toHaveLength(1);
    expect([400, 403]).toContain(heard.answers[0]!.status);
  });

  test.for([
    ["an empty line before it", `\r\n${LIVE}`],
    ["absolute-form", head("GET http://x/health/live", "host: x")],
    ["absolute-form with a query", head("GET https://x:1/health/live?a=b", "host: x")],
    ["HTTP/1.0", "GET /health/live HTTP/1.0\r\n\r\n"],
    ["an offer to speak WebSocket", head("GET /health/live", "host: x", "connection: upgrade", "upgrade: websocket")],
    ["an offer to speak HTTP/2", head("GET /health/live", "host: x", "connection: upgrade", "upgrade: h2c")],
    ["a body of a GET", `${head("GET /health/live", "host: x", "content-length: 2")}{}`],
  ] as const)("%s is answered 200", async ([, bytes]) => {
    expect(statuses(await says(bytes, { answers: 1 }))).toEqual([200]);
  });

  test("an offer of another protocol ends the connection after its answer, so no smuggled request is read", async () => {
    const offer = post("content-length: 1", "connection: upgrade", "upgrade: h2c");
    const hollow = head("POST /nothing", "host: x", `content-length: ${LIVE.length}`);
    for (const pieces of [[`${offer}A${hollow}`, LIVE], [`${offer}A${LIVE}`], [offer, `A${LIVE}`]]) {
      const heard = await says(pieces);
      expect([statuses(heard), heard.closed]).toEqual([[403], true]);
    }
  });

  test("a request that TCP splits anywhere is the same request", async () => {
    const cuts = Array.from({ length: LIVE.length - 1 }, (_, at) => [LIVE.slice(0, at + 1), LIVE.slice(at + 1)]);
    for (const pieces of cuts) expect(statuses(await says(pieces, { answers: 1 }))).toEqual([200]);
  });

  test("OPTIONS * lists the methods", async () => {
    const { answers } = await says(head("OPTIONS *", "host: x"), { answers: 1 });
    expect(answers).toMatchObject([{ status: 204, headers: { allow: expect.stringContaining("GET") } }]);
    expect(answers[0]!.headers).not.toHaveProperty("content-length");
  });

  test("HEAD has the status and the headers of a GET, and no body", async () => {
    const both = head("HEAD /health/live", "host: x") + LIVE;
    const { answers } = await says(both, { answers: 2, methods: ["HEAD", "GET"] });
    const [asked, got] = answers.map(({ status, headers }) => ({ status, headers: { ...headers, date: "" } }));
    expect(asked).toEqual(got);
    expect(answers.map(({ body }) => body)).toEqual(["", '{"live":true}']);
  });

  test("thousands of pipelined requests are answered in order, and a truncated one after them is 400", async () => {
    const many = await says(LIVE.repeat(5_000), { answers: 5_000 });
    expect(new Set(statuses(many))).toEqual(new Set([200]));
    const wanted = [`GET /a HTTP/1.1\r\n${HOST}\r\n`, LIVE, `GET /b HTTP/1.1\r\n${HOST}\r\n`];
    expect(statuses(await says(`${wanted.join("")}\0\0`))).toEqual([404, 200, 404, 400]);
  });

  test("no header names the server software", async () => {
    const { answers } = await says(LIVE, { answers: 1 });
    expect(answers[0]!.headers).not.toHaveProperty("server");
    expect(answers[0]!.headers).not.toHaveProperty("x-powered-by");
  });

  test("a missing body is 408; a client that still sends can read a refusal", async () => {
    const drips = await says(post("content-length: 10"));
    expect([403, 408]).toContain(drips.answers[0]!.status);
    const large = await says([post("content-length: 7000000"), "x".repeat(7_000_000 - 1)]);
    expect([403, 413]).toContain(large.answers[0]!.status);
    expect(large.closed).toBe(true);
  });

  test("a slow head is 408 after ten seconds, and a silent connection is closed", async () => {
    const [half, none] = await Promise.all([says("GET /health/live HTTP/1.1\r\nhost: x\r\n"), says([])]);
    expect(statuses(half)).toEqual([408]);
    expect(statuses(none)).toEqual([]);
  });
});

describe("publishing", () => {
  const to = (client: string): string => JSON.stringify({ to: { client }, data: 1 });
  const publish = (client: string, ...headers: string[]): string =>
    head(
      "POST /v1/notifications",
      ...(headers.length > 0 ? headers : [`content-length: ${to(client).length}`]),
      "host: x",
      `authorization: Bearer ${publisher}`,
      "content-type: application/json",
    );
  const chunked = (client: string, extension = "", trailer = ""): string =>
    `${publish(client, "transfer-encoding: chunked")}${to(client).length.toString(16)}${extension}\r\n${to(client)}\r\n0${extension}\r\n${trailer}\r\n`;
  const receiver = (): Service => services.receiver;

  test.for([
    ["an extension", () => chunked("c1", ";a=b")],
    ["a quoted extension", () => chunked("c2", ';a="b"')],
    ["a trailer", () => chunked("c3", "", "x-checksum: abc\r\n")],
    ["HTTP/1.0", () => (publish("c4") + to("c4")).replace("1.1", "1.0")],
    ["absolute-form", () => (publish("c5") + to("c5")).replace("/v1", "http://x/v1")],
  ] as const)("by %s is 202", async ([, bytes]) => {
    expect(statuses(await sendRaw(receiver(), bytes(), { answers: 1 }))).toEqual([202]);
  });

  test("R33: pipelined requests of one connection are written in order", async () => {
    const all = Array.from({ length: 40 }, (_, n) => JSON.stringify({ to: { client: "ordered" }, data: n }));
    const bytes = all.map((body) => publish("", `content-length: ${body.length}`) + body).join("");
    expect(statuses(await sendRaw(receiver(), bytes, { answers: 40 }))).toEqual(Array(40).fill(202));
    const stored = (await readAccepted(stack)).filter(({ key }) => key === "acme/ordered");
    expect(stored.map(({ payload }) => Number(payload))).toEqual(all.map((_, n) => n));
  });

  test("a client that half-closes after its request reads the answer", async () => {
    expect(statuses(await sendRaw(receiver(), publish("half") + to("half"), { half: true }))).toEqual([202]);
    const broken = await sendRaw(receiver(), publish("half-body") + to("half-body").slice(0, -1), { half: true });
    expect(statuses(broken)).toEqual([400]);
  });

  test("only callers who may publish get 100 Continue", async () => {
    const length = `content-length: ${to("expects").length}`;
    const expects = publish("", length, "expect: 100-continue");
    expect(statuses(await sendRaw(receiver(), [expects, to("expects")], { answers: 2 }))).toEqual([100, 202]);
    const stranger = await sendRaw(receiver(), expects.replace(publisher, "x"));
    expect(statuses(stranger)).toEqual([403]);
    expect(statuses(await sendRaw(receiver(), publish("", length, "expect: x")))).toEqual([417]);
  });

  test("a request refused before its end frees its place, and is counted by reason", async () => {
    const before = await scrapeMetric(receiver(), "http_bodies_refused_total");
    const bad = `${publish("", "transfer-encoding: chunked")}2\r\n{}XX`;
    expect(statuses(await sendRaw(receiver(), bad))).toEqual([400]);
    expect(statuses(await sendRaw(receiver(), publish("", "content-length: 9000000")))).toEqual([408]);
    expect(await scrapeMetric(receiver(), "http_bodies_refused_total")).toBe(before + 2);
    for (const reason of ["malformed", "slow"])
      expect(await scrapeMetric(receiver(), "http_bodies_refused_total", `reason="${reason}"`)).toBeGreaterThan(0);
    await expect.poll(() => scrapeMetric(receiver(), "publish_requests")).toBe(0);
    expect(await scrapeMetric(receiver(), "publish_body_bytes")).toBe(0);
  });

  test("an ending receiver closes idle connections, answers begun requests, and refuses slow bodies", async () => {
    const other = await stack.start("receiver", { BODY_MS: "60000" });
    const idle = sendRaw(other, LIVE);
    await expect.poll(() => scrapeMetric(other, "publish_requests")).toBe(0);
    const held = sendRaw(other, [publish("ends") + to("ends").slice(0, -1)]);
    await expect.poll(() => scrapeMetric(other, "publish_requests")).toBe(1);
    other.kill("SIGTERM");
    expect((await idle).closed).toBe(true);
    const { answers } = await held;
    expect(answers).toMatchObject([{ status: 503, headers: { connection: "close" } }]);
    expect(await other.exited).toMatchObject({ code: 0 });
  });
});

describe("distributor", () => {
  const says = (pieces: string | string[], ways?: Ways): Promise<Heard> => sendRaw(services.distributor, pieces, ways);
  const live = (): Promise<number> => scrapeMetric(services.distributor, "http_bodies_refused_total");
  const UPGRADE = [
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
  ];
  const LINES = [
    "GET /health/live",
    "GET /v1/poll",
    "GET /v1/sse",
    "GET /nothing",
    "POST /v1/acks",
    "POST /v1/tickets",
  ];

  test.for(
    [...LINES.map((line) => [line, [] as string[]] as const), ["GET /v1/ws", UPGRADE] as const].flatMap(
      ([line, more]) =>
        (
          [
            ["an empty coding", ["host: x", "transfer-encoding:"], 400],
            ["one coding, chunked", ["host: x", "transfer-encoding: chunked"], 411],
            ["two codings", ["host: x", "transfer-encoding: chunked", "transfer-encoding: chunked"], 400],
            ["two lengths", ["host: x", "content-length: 0", "content-length: 0"], 400],
            ["two hosts", ["host: x", "host: x"], 400],
            ["two authorizations", ["host: x", "authorization: a", "authorization: b"], 400],
            ...(line.startsWith("GET") ? [["a length", ["host: x", "content-length: 2"], 400] as const] : []),
          ] as const
        ).map(([name, headers, status]) => [line, name, [...headers, ...more], status] as const),
    ),
  )("%s with %s is refused, and its connection closes", async ([line, , headers, status]) => {
    const heard = await says(head(line, ...headers));
    // The library itself refuses some of these.
    expect([[status], [400], []]).toContainEqual(statuses(heard));
    expect(heard.closed).toBe(true);
  });

  test("a page of an allowed site reads the refusal", async () => {
    const { answers } = await says(
      head("GET /health/live", "host: x", "origin: https://a.example", "transfer-encoding: chunked"),
    );
    expect(answers).toMatchObject([{ status: 411, headers: { "access-control-allow-origin": "https://a.example" } }]);
  });

  test("a smuggled request in the same packet reaches no route", async () => {
    const token = await stack.token({ client: "smuggler" });
    const smuggled = head("GET /v1/poll?wait=0", "host: x", `authorization: Bearer ${token}`);
    const opened = (): Promise<number> => scrapeMetric(services.distributor, "connections_opened_total");
    const before = [await opened(), await live()] as const;
    // The library itself refuses the last one, on platforms with its newest build.
    for (const headers of [["transfer-encoding:"], ["content-length: 0", "content-length: 0"], ["host: y"]]) {
      const heard = await says(head("GET /health/live", "host: x", ...headers) + smuggled);
      expect(statuses(heard).filter((status) => status !== 400)).toEqual([]);
    }
    expect(await opened()).toBe(before[0]);
    expect(await live()).toBeGreaterThanOrEqual(before[1] + 2);
  });
});
