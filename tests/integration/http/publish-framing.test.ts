import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { derivedId } from "#services/receiver/publish/idempotency-key.ts";
import { recipientId } from "@saasaparilla/shared/protocol/publication.ts";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { readDispatch } from "#tests/support/dispatch-records.ts";
import { sendRaw } from "#tests/support/raw-requests.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/**
 * R51, for bytes that no client library writes: a notification is in Kafka if, and only if, the answer is 202 or
 * by a problem for an unknown outcome. Each notification has an id of its own, which its answer names.
 */
const CASES = 4_000;
const AT_ONCE = 16;
/** FRAMING_SEED repeats a run. */
const SEED = Number(process.env.FRAMING_SEED ?? Math.floor(Math.random() * 2 ** 31));

let stack: Stack;
let receiver: Service;
let token: string;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "console"], env: { BODY_MS: "1000" } });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "framing" });
  const operator = await ConsoleApi.of(stack, stack.services[1]!);
  const grant = { role: "publisher", subjects: ["framing"], clients: ["*"], targets: ["*"] };
  await operator.does("PUT", "/acme/grants/framing", grant);
  await vi.waitFor(async () => {
    const response = await fetch(`${receiver.url}/v1/notifications?dryRun=true`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify({ to: { group: "g" }, data: 1 }),
    });
    if (response.status !== 200) throw new Error("the grant is not read yet");
  }, 10_000);
});

afterAll(() => stack.close());

const VALID = ["length", "chunks", "extensions", "trailers"] as const;
const BROKEN = [
  "chunk end",
  "last chunk end",
  "bare LF",
  "no size",
  "size and ;",
  "two lengths",
  "same lengths",
  "empty length",
  "length and chunked",
  "empty coding",
  "empty coding, chunked",
  "chunked twice",
  "other coding",
  "too short",
  "too long",
  "no host",
  "two hosts",
] as const;

/** Each way to accepted, and to dispatch. */
const FORMS = ["client", "client", "options", "clients", "queue", "group", "later", "event", "binary event"] as const;

const plainRequest = fc.record({
  framing: fc.constantFrom(...VALID),
  version: fc.constantFrom("1.1", "1.1", "1.1", "1.0"),
  target: fc.constantFrom("/v1/notifications", "/v1/notifications", "http://x/v1/notifications"),
  noise: fc.array(
    fc.constantFrom("x-a: b", "X-B:", "accept: */*", "connection: keep-alive", "upgrade: h2c", "connection: upgrade"),
    {
      maxLength: 3,
    },
  ),
  expects: fc.boolean(),
  form: fc.constantFrom(...FORMS),
});
type Asked = Omit<typeof plainRequest extends fc.Arbitrary<infer R> ? R : never, "framing"> & {
  framing: (typeof VALID)[number] | (typeof BROKEN)[number];
};

const conversation = fc.record({
  requests: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: plainRequest.map((asked): Asked => asked) },
      {
        weight: 1,
        arbitrary: fc
          .tuple(plainRequest, fc.constantFrom(...BROKEN))
          .map(([asked, framing]): Asked => ({ ...asked, framing })),
      },
    ),
    { minLength: 1, maxLength: 4 },
  ),
  junk: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    {
      weight: 1,
      arbitrary: fc.record({
        at: fc.nat(3),
        bytes: fc.constantFrom("\r\n", "\r\n\r\n", "\0", "x", "0\r\n\r\n", "GET"),
      }),
    },
  ),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
  half: fc.boolean(),
});
type Conversation = typeof conversation extends fc.Arbitrary<infer C> ? C : never;

/** Whether every request is strictly valid, and so must be accepted. HTTP/1.0 or an Upgrade ends a connection. */
function isValid({ requests, junk }: Conversation): boolean {
  return (
    (junk === undefined || /^[\r\n]+$/.test(junk.bytes)) &&
    requests.every(
      ({ framing, version, noise }, index) =>
        (VALID as readonly string[]).includes(framing) &&
        (!noise.includes("upgrade: h2c") || index === requests.length - 1) &&
        (version === "1.1" || (framing === "length" && index === requests.length - 1)),
    )
  );
}

function bytesOf({ requests, junk, half }: Conversation, ids: readonly string[]): string {
  const parts = requests.map((asked, index) => requestOf(asked, ids[index]!));
  if (junk) parts.splice(Math.min(junk.at, parts.length), 0, junk.bytes);
  // The last request says that it is the last if the server cannot know it.
  if (!half) parts.push("GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  return parts.join("");
}

function requestOf({ framing, version, target, noise, expects, form }: Asked, id: string): string {
  const { type, body, attributes } = formed(form, id);
  const [headers, sent] = framed(framing, body);
  const hosts = framing === "no host" ? [] : framing === "two hosts" ? ["host: x", "host: x"] : ["host: x"];
  const lines = [
    ...hosts,
    `authorization: Bearer ${token}`,
    `content-type: ${type}`,
    ...attributes,
    ...noise,
    ...(expects ? ["expect: 100-continue"] : []),
    ...headers,
  ];
  return `POST ${target} HTTP/${version}\r\n${lines.join("\r\n")}\r\n\r\n${sent}`;
}

interface Formed {
  type: string;
  body: string;
  attributes: string[];
}

function formed(form: Asked["form"], id: string): Formed {
  const event = { specversion: "1.0", id, source: "/framing", type: "e", subject: `c-${id}` };
  if (form === "binary event") {
    const attributes = Object.entries(event).map(([name, value]) => `ce-${name}: ${value}`);
    return { type: "application/json", body: '{"n":1}', attributes };
  }
  if (form === "event")
    return { type: "application/cloudevents+json", body: JSON.stringify({ ...event, data: 1 }), attributes: [] };
  const item = {
    client: { to: { client: `c-${id}` } },
    options: { to: { client: `c-${id}` }, headers: { a: 1 }, collapse: "k" },
    clients: { to: { clients: [`c-${id}`, `d-${id}`, `e-${id}`] } },
    queue: { to: { queue: "q" } },
    group: { to: { group: "g" } },
    later: { to: { client: `c-${id}` }, delay: 60 },
  }[form];
  return { type: "application/json", body: JSON.stringify({ id, ...item, data: 1 }), attributes: [] };
}

/** The id that the answer names: that of an event derives from its source and id. */
function answeredId({ form }: Asked, id: string): string {
  return form.endsWith("event") ? derivedId(JSON.stringify(["cloudevents", "/framing", id]), 0) : id;
}

function framed(framing: Asked["framing"], body: string): [string[], string] {
  const { length } = body;
  const half = Math.floor(length / 2);
  const size = (of: string): string => of.length.toString(16);
  const [first, second] = [body.slice(0, half), body.slice(half)];
  const chunked = (after = "\r\n", extension = "", trailer = "", last = "\r\n"): string =>
    `${size(first)}${extension}\r\n${first}${after}${size(second)}\r\n${second}\r\n0${extension}\r\n${trailer}${last}`;
  const CHUNKED = "transfer-encoding: chunked";
  switch (framing) {
    case "length":
    case "no host":
    case "two hosts":
      return [[`content-length: ${length}`], body];
    case "chunks":
      return [[CHUNKED], chunked()];
    case "extensions":
      return [["Transfer-Encoding: Chunked"], chunked("\r\n", ';a=b;c="d e"')];
    case "trailers":
      return [[CHUNKED], chunked("\r\n", "", "x-sum: 1\r\nx-more:\r\n")];
    case "chunk end":
      return [[CHUNKED], chunked("XX")];
    case "last chunk end":
      return [[CHUNKED], chunked("\r\n", "", "", "XX")];
    case "bare LF":
      return [[CHUNKED], chunked().replaceAll("\r\n", "\n")];
    case "no size":
      return [[CHUNKED], `\r\n${chunked()}`];
    case "size and ;":
      return [[CHUNKED], chunked().replace(size(first), `${size(first)};;`)];
    case "two lengths":
      return [[`content-length: ${length}`, `content-length: ${half}`], body];
    case "same lengths":
      return [[`content-length: ${length}`, `content-length: ${length}`], body];
    case "empty length":
      return [["content-length:"], body];
    case "length and chunked":
      return [[`content-length: ${length}`, CHUNKED], chunked()];
    case "empty coding":
      return [["transfer-encoding:", `content-length: ${length}`], body];
    case "empty coding, chunked":
      return [["transfer-encoding:", CHUNKED], chunked()];
    case "chunked twice":
      return [[CHUNKED, CHUNKED], chunked()];
    case "other coding":
      return [["transfer-encoding: gzip, chunked"], chunked()];
    case "too short":
      return [[`content-length: ${half}`], body];
    case "too long":
      return [[`content-length: ${length + 30}`], body];
  }
}

function cut(bytes: string, cuts: readonly number[]): string[] {
  const places = [0, ...cuts.map((share) => Math.floor(share * bytes.length)), bytes.length].sort((a, b) => a - b);
  return places.slice(1).flatMap((end, index) => (end > places[index]! ? [bytes.slice(places[index], end)] : []));
}

test(`R51: a notification is stored if and only if its answer says so (FRAMING_SEED=${SEED})`, async () => {
  const cases = fc.sample(conversation, { numRuns: CASES, seed: SEED });
  const answered = new Set<string>();
  const unknown = new Set<string>();
  const sent = new Map<string, string>();
  /** The ids of the notifications of each item for several clients. */
  const partsOf = new Map<string, string[]>();
  const run = async (one: Conversation): Promise<void> => {
    const made = one.requests.map(() => randomUUID());
    const bytes = bytesOf(one, made);
    const ids = made.map((id, index) => answeredId(one.requests[index]!, id));
    for (const [index, id] of ids.entries())
      if (one.requests[index]!.form === "clients")
        partsOf.set(
          id,
          ["c", "d", "e"].map((name) => recipientId(id, `acme/${name}-${id}`)),
        );
    for (const id of ids) sent.set(id, `${JSON.stringify(one)}\n${JSON.stringify(bytes)}`);
    const { answers } = await sendRaw(receiver, cut(bytes, one.cuts), { half: one.half });
    const finals = answers.filter(({ status }) => status !== 100);
    expect(finals.length, `answers: ${sent.get(ids[0]!)}`).toBeLessThanOrEqual(ids.length + 1);
    for (const { status, body } of finals) {
      const { items = [] } = JSON.parse(body) as { items?: { id: string }[] };
      for (const { id } of items) (status === 202 ? answered : unknown).add(id);
    }
    if (isValid(one))
      for (const id of ids) expect(answered.has(id), `answered ${JSON.stringify(finals)}: ${sent.get(id)}`).toBe(true);
  };
  const left = [...cases];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let one = left.pop(); one; one = left.pop()) await run(one);
    }),
  );
  const written = [
    ...(await readAccepted(stack)).map(({ id }) => id),
    ...(await readDispatch(stack)).map(({ head }) => head.id),
  ];
  expect(new Set(written).size, "none twice").toBe(written.length);
  const all = new Set(written);
  const parts = new Set([...partsOf.values()].flat());
  const stored = written.filter((id) => !parts.has(id));
  for (const [id, ids] of partsOf) {
    const count = ids.filter((part) => all.has(part)).length;
    if (count === ids.length) stored.push(id);
    else if (count > 0) expect(unknown.has(id), `a part is stored: ${sent.get(id)}`).toBe(true);
  }
  for (const id of stored)
    expect(answered.has(id) || unknown.has(id), `stored, and not answered so: ${sent.get(id)}`).toBe(true);
  const kept = new Set(stored);
  for (const id of answered) expect(kept.has(id), `answered 202, and not stored: ${sent.get(id)}`).toBe(true);
  // The run had both kinds.
  expect(answered.size).toBeGreaterThan(CASES / 4);
  expect(sent.size - answered.size).toBeGreaterThan(CASES / 10);
});
