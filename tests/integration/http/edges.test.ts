import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { bearer, head, statuses } from "#tests/support/raw-http.ts";
import { sendRaw, type RawAnswer, type Ways } from "#tests/support/raw-requests.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";

/** Behaviour that tools and proxies expect of every port, with either HTTP server. */
const KINDS = ["receiver", "director", "distributor", "console"] as const satisfies Kind[];
/** Services with a route that takes a body. */
type Posted = (typeof KINDS)[number];
const ORIGIN = "https://a.example";

let stack: Stack;
const services = {} as Record<Posted, Service>;
let publisher: string;
let client: string;
let operator: string;

beforeAll(async () => {
  stack = await startStack({
    services: [...KINDS],
    env: { DRAIN_MS: "0", ALLOWED_ORIGINS: ORIGIN, REFUSED_BURST: "100000" },
  });
  KINDS.forEach((kind, index) => (services[kind] = stack.services[index]!));
  publisher = await stack.token({ publisher: "p" });
  client = await stack.token({ client: "c" });
  operator = await stack.token({ publisher: "o", scope: "operate read" });
});

afterAll(() => stack.close());

async function ask(kind: Posted, bytes: string | string[], ways: Ways = {}): Promise<RawAnswer> {
  const method = [bytes].flat()[0]!.split(" ")[0]!;
  const { answers } = await sendRaw(services[kind], bytes, { answers: 1, methods: [method], ...ways });
  return answers[0]!;
}

const tokenOf = (kind: Posted): string =>
  ({ receiver: publisher, director: operator, distributor: client, console: operator })[kind];

/** A request with a body for each service, and a valid body. */
const POSTS = {
  receiver: { line: "POST /v1/notifications", body: '{"to":{"client":"c"},"data":1,"ttl":1}', good: 202 },
  director: { line: "POST /v1/dead-letters/0-1/redrive", body: "{}", good: 404 },
  distributor: { line: "POST /v1/acks", body: "{}", good: 400 },
  console: { line: "PUT /v1/tenants/edges", body: "{}", good: 200 },
} as const;

const post = (kind: Posted, body: string | Buffer, ...headers: string[]): string[] => {
  const bytes = Buffer.from(body);
  const type = headers.some((one) => one.startsWith("content-type")) ? [] : ["content-type: application/json"];
  return [
    head(POSTS[kind].line, bearer(tokenOf(kind)), `content-length: ${bytes.length}`, ...type, ...headers) +
      bytes.toString("latin1"),
  ];
};

describe("HEAD", () => {
  test.for(KINDS)("%s: HEAD of each GET route has its status and headers, no body", async (kind) => {
    const { routes } = await services[kind].logged(({ routes: all }) => Array.isArray(all) && all.length > 5);
    const gets = (routes as string[]).filter((route) => route.startsWith("GET ") && route !== "GET /v1/sse");
    expect(gets.length).toBeGreaterThan(6);
    for (const route of gets) {
      const path = route
        .slice("GET ".length)
        .replace(":name", "busy")
        .replace(":tenant", "acme")
        .replace(":id", "0-1")
        .replace("/v1/poll", "/v1/poll?wait=0");
      for (const headers of [[], [bearer(tokenOf(kind))]]) {
        const [asked, got] = await Promise.all([
          ask(kind, head(`HEAD ${path}`, ...headers)),
          ask(kind, head(`GET ${path}`, ...headers)),
        ]);
        // An answer that requires a wait has no length, and metrics change.
        const open = /poll|metrics/.test(path);
        const shown = (answer: RawAnswer) => ({
          ...answer.headers,
          date: "",
          ...(open && { "content-length": "" }),
          "retry-after": "",
        });
        expect([path, asked.status, shown(asked), asked.body]).toEqual([path, got.status, shown(got), ""]);
      }
    }
  });

  test("HEAD of a stream or poll is answered at once, and opens none", async () => {
    const { distributor } = services;
    const opened = await scrapeMetric(distributor, "connections_opened_total");
    const stream = await ask("distributor", head("HEAD /v1/sse", bearer(client)));
    expect(stream).toMatchObject({ status: 200, body: "", headers: { "content-type": "text/event-stream" } });
    const poll = await ask("distributor", head("HEAD /v1/poll?wait=60", bearer(client)));
    expect(poll).toMatchObject({ status: 200, body: "", headers: { "content-type": "application/json" } });
    expect(await ask("distributor", head("HEAD /v1/poll?wait=x", bearer(client)))).toMatchObject({ status: 400 });
    expect(await scrapeMetric(distributor, "connections_opened_total")).toBe(opened);
  });

  test("a connection continues after HEAD", async () => {
    for (const kind of KINDS) {
      const bytes =
        head("HEAD /health/live") + head("GET /health/live") + head("HEAD /nothing") + head("GET /health/live");
      const pieces = kind === "distributor" ? bytes.split(/(?=GET|HEAD)/) : [bytes];
      const methods = ["HEAD", "GET", "HEAD", "GET"];
      const heard = await sendRaw(services[kind], pieces, { answers: 4, methods });
      expect([kind, statuses(heard)]).toEqual([kind, [200, 200, 404, 200]]);
    }
  });

  test("a request with an uncertain end closes the connection", async () => {
    const smuggled = head("GET /health/live");
    for (const kind of KINDS) {
      const bytes = head("HEAD /health/live", `content-length: ${smuggled.length}`, "content-length: 0");
      const { answers, closed } = await sendRaw(services[kind], [bytes, smuggled], { methods: ["HEAD", "GET"] });
      expect([kind, answers.filter(({ status }) => status === 200), closed]).toEqual([kind, [], true]);
    }
  });
});

test.for(KINDS)("%s: every answer has nosniff, and no server name", async (kind) => {
  const token = bearer(tokenOf(kind));
  for (const bytes of [
    head("GET /health/live"),
    head("GET /metrics"),
    head("GET /docs"),
    head("GET /nothing"),
    head("HEAD /nothing"),
    head("DELETE /health/live"),
    head("OPTIONS /health/live"),
    head("GET /health/live", "transfer-encoding: gzip"),
    head("GET /health/live", `cookie: ${"a".repeat(20_000)}`),
    head(POSTS[kind].line, "content-length: 0"),
    head(POSTS[kind].line, "content-length: 0", token),
    ...(kind === "distributor"
      ? [head("GET /v1/ws"), head("GET /v1/sse"), head("GET /v1/poll?wait=0", token), head("POST /v1/tickets", token)]
      : []),
  ]) {
    const { headers } = await ask(kind, bytes);
    expect([bytes.split("\r\n")[0], headers["x-content-type-options"]]).toEqual([bytes.split("\r\n")[0], "nosniff"]);
    for (const name of ["server", "x-powered-by", "uwebsockets"]) expect(headers).not.toHaveProperty(name);
  }
});

test("a stream has nosniff, too", async () => {
  const response = await fetch(`${services.distributor.url}/v1/sse`, {
    headers: { authorization: `Bearer ${client}` },
  });
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("uwebsockets")).toBeNull();
  await response.body!.cancel();
});

test("204 has no Content-Length", async () => {
  for (const kind of KINDS) {
    const answer = await ask(kind, head("OPTIONS /health/live"));
    expect([kind, answer.status]).toEqual([kind, 204]);
    expect(answer.headers).not.toHaveProperty("content-length");
  }
});

describe("heads", () => {
  /** The total size in bytes. */
  const sized = (bytes: number): string => {
    const empty = head("GET /health/live", "cookie: ");
    return empty.replace("cookie: ", `cookie: ${"a".repeat(bytes - empty.length)}`);
  };

  test.for(KINDS)("%s: 16 KiB are accepted, and more is a problem", async (kind) => {
    const whole = sized(16 << 10);
    expect(await ask(kind, whole)).toMatchObject({ status: 200 });
    expect(await ask(kind, [whole.slice(0, 9_000), whole.slice(9_000)])).toMatchObject({ status: 200 });
    const { status, headers, body } = await ask(kind, sized(20 << 10));
    expect([status, headers["content-type"]]).toEqual([431, "application/problem+json"]);
    expect(JSON.parse(body)).toMatchObject({ type: "/problems/too-large", status: 431 });
  });

  test.for(KINDS)("%s: invalid UTF-8 is refused in path, query and headers", async (kind) => {
    for (const bytes of [
      head("GET /problems/%ff"),
      head("GET /problems/\xff"),
      head("GET /health/live?a=%c3%28"),
      head("GET /health/live?a=\xc3\x28"),
      head("GET /health/live", "x-name: a\xffb"),
      head("GET /nothing?%ED%A0%80"),
    ])
      expect([bytes, (await ask(kind, bytes)).status]).toEqual([bytes, 400]);
    const fine = head("GET /health/live?a=%e2%82%ac+100%", `x-name: ${Buffer.from("é").toString("latin1")}`);
    expect(await ask(kind, fine)).toMatchObject({ status: 200 });
  });

  test("two Authorization headers are 400 on every service's routes", async () => {
    for (const kind of KINDS) {
      const { routes } = await services[kind].logged(({ routes: all }) => Array.isArray(all) && all.length > 5);
      for (const route of routes as string[]) {
        if (route.startsWith("WS ")) continue;
        const line = route.replaceAll(/:\w+/g, "x");
        const authorizations = [bearer(tokenOf(kind)), bearer("x")];
        for (const headers of [authorizations, authorizations.toReversed()])
          expect([kind, route, (await ask(kind, head(line, ...headers))).status]).toEqual([kind, route, 400]);
      }
    }
  });
});

describe("bodies", () => {
  const MARKS = [
    ["UTF-8", Buffer.from("\ufeff{}")],
    ["UTF-16", Buffer.from("\ufeff{}", "utf16le")],
    ["UTF-16", Buffer.from([0xfe, 0xff, 0, 0x7b, 0, 0x7d])],
  ] as const;
  const READERS = ["receiver", "distributor", "console"] as const;

  test.for(READERS)("%s: a byte order mark is named in the error", async (kind) => {
    for (const [name, body] of MARKS) {
      const answer = await ask(kind, post(kind, body));
      expect([answer.status, answer.body]).toEqual([400, expect.stringContaining("byte order mark")]);
      expect(answer.body).toContain(name);
    }
  });

  test("a byte order mark before the first NDJSON line is named, and the other lines are accepted", async () => {
    const lines = Buffer.from(`\ufeff${POSTS.receiver.body}\n${POSTS.receiver.body}\n`);
    const { status, body } = await ask("receiver", post("receiver", lines, "content-type: application/x-ndjson"));
    expect([status, JSON.parse(body)]).toMatchObject([202, { accepted: 1, rejected: 1 }]);
    expect(body).toContain("byte order mark");
  });

  test.for(READERS)("%s: bytes that are not UTF-8 are refused", async (kind) => {
    const body = Buffer.concat([Buffer.from('{"cursor":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
    const answer = await ask(kind, post(kind, body));
    expect([answer.status, answer.body]).toEqual([400, expect.stringContaining("not UTF-8")]);
  });

  test.for(KINDS)("%s: the content encoding identity is accepted, and any other is 415", async (kind) => {
    const { body, good } = POSTS[kind];
    for (const encoding of ["identity", "Identity", "identity, identity", ""])
      expect([encoding, (await ask(kind, post(kind, body, `content-encoding: ${encoding}`))).status]).toEqual([
        encoding,
        good,
      ]);
    for (const encoding of ["gzip", "br", "identity, gzip", "x"]) {
      const answer = await ask(kind, post(kind, body, `content-encoding: ${encoding}`));
      expect([encoding, answer.status, answer.headers["accept-encoding"]]).toEqual([encoding, 415, "identity"]);
    }
  });
});

describe("a refused caller", () => {
  test("is 403 with the error code of RFC 6750, on every route", async () => {
    const asked = [
      ["receiver", POSTS.receiver.line],
      ["director", "GET /v1/dead-letters"],
      ["director", POSTS.director.line],
      ["distributor", "GET /v1/sse"],
      ["distributor", "GET /v1/sse?ticket=x"],
      ["distributor", "GET /v1/poll"],
      ["distributor", "POST /v1/acks"],
      ["distributor", "POST /v1/tickets"],
      ["console", "GET /v1/tenants"],
      ["console", POSTS.console.line],
    ] as const;
    const said = new Set<string | undefined>();
    for (const [kind, line] of asked) {
      for (const headers of [[], [bearer("x")], [bearer(await stack.token({ client: "c", scope: "none" }))]]) {
        const answer = await ask(
          kind,
          head(line, ...headers, ...(line.startsWith("GET") ? [] : ["content-length: 0"])),
        );
        expect([line, answer.status]).toEqual([line, 403]);
        said.add(answer.headers["www-authenticate"]);
      }
    }
    // The same for all: a different answer would reveal whether a token is good (R2).
    expect([...said]).toEqual([expect.stringMatching(/^Bearer realm="[^"]+", error="invalid_token"/)]);
  });

  test("can be read by a page", async () => {
    const { headers } = await ask("distributor", head("GET /v1/poll", `origin: ${ORIGIN}`));
    expect(headers["access-control-expose-headers"]).toContain("www-authenticate");
  });
});
