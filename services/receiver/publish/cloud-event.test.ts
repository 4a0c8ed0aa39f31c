import type { Problem } from "@saasaparilla/shared/http/problem.ts";
import { expect, test } from "vitest";
import type { Item } from "./item.ts";
import { formOf, readItems } from "./read-items.ts";

const LIMITS = { MAX_DATA_BYTES: 1_000, MAX_BATCH_ITEMS: 10 };
const EVENT = { specversion: "1.0", id: "a-1", source: "/shop", type: "order.shipped", subject: "u1" };
const BINARY = {
  "ce-specversion": "1.0",
  "ce-id": "a-1",
  "ce-source": "/shop",
  "ce-type": "order.shipped",
  "ce-subject": "u1",
};

const structured = (text: string | object, type = "application/cloudevents+json"): Item[] =>
  readItems({ "content-type": type }, Buffer.from(typeof text === "string" ? text : JSON.stringify(text)), LIMITS);
const binary = (headers: Record<string, string>, body = "1", type: string | undefined = "application/json"): Item =>
  readItems({ ...headers, ...(type && { "content-type": type }) }, Buffer.from(body), LIMITS)[0]!;
const places = ({ outcome }: Item): string[] =>
  (outcome as Problem).errors!.map(({ pointer, header }) => header ?? pointer);

test("the subject is the client, and type, source, id and time are kept", () => {
  const time = "2026-11-27T09:00:00.123456Z";
  const [item] = structured({ ...EVENT, time, data: { a: 1 }, datacontenttype: "application/json", region: "eu" });
  expect(item).toMatchObject({
    outcome: "open",
    published: {
      to: { client: "u1" },
      event: "order.shipped",
      headers: { id: "a-1", source: "/shop", time, region: "eu" },
    },
  });
  expect(item!.published!.headers).not.toHaveProperty("datacontenttype");
  expect(item!.payload.toString()).toBe('{"a":1}');
});

test("the id derives from source and id alone, in every mode", () => {
  const ids = [
    structured({ ...EVENT, data: 1 })[0]!,
    structured({ ...EVENT, data: 2, type: "other" })[0]!,
    structured([{ ...EVENT, data: 1 }], "application/cloudevents-batch+json")[0]!,
    binary(BINARY),
  ].map(({ published }) => published!.id);
  expect(new Set(ids).size).toBe(1);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  for (const other of [{ id: "a-2" }, { source: "/shop2" }, { source: "/sho", id: "pa-1" }])
    expect(structured({ ...EVENT, ...other })[0]!.published!.id).not.toBe(ids[0]);
});

test("data stays byte for byte: large numbers, 1.0 and escapes", () => {
  const data = '{"n":12345678901234567890,"f":1.0,"t":"\\u00e4"}';
  const head = JSON.stringify(EVENT).slice(0, -1);
  expect(structured(`${head},"data":${data}}`)[0]!.payload.toString()).toBe(data);
  expect(structured(`[${head},"data":${data}}]`, "application/cloudevents-batch+json")[0]!.payload.toString()).toBe(
    data,
  );
  expect(binary(BINARY, data).payload.toString()).toBe(data);
  expect(binary(BINARY, `\n[1,\n 2]\n`).payload.toString()).toBe("[1,2]");
});

test.for([
  [{ togroup: "team-a" }, { group: "team-a" }],
  [{ toqueue: "changes" }, { queue: "changes" }],
  [{ toexchange: "orders" }, { exchange: "orders" }],
  [
    { toexchange: "orders", exchangekey: "eu.shipped" },
    { exchange: "orders", key: "eu.shipped" },
  ],
] as const)("%j names the target, and the subject becomes a header", ([more, to]) => {
  const [item] = structured({ ...EVENT, ...more, data: 1 });
  expect(item!.published).toMatchObject({ to, headers: { subject: "u1" } });
  const headers = Object.fromEntries(Object.entries(more).map(([name, value]) => [`ce-${name}`, value]));
  expect(binary({ ...BINARY, ...headers }).published).toEqual(item!.published);
});

test("ttl, at, delay, collapse and outcomes are extensions, as numbers or texts", () => {
  const [item] = structured({ ...EVENT, ttl: 60, delay: "5", collapse: "k", outcomes: "done" });
  expect(item!.published).toMatchObject({ ttl: 60, delay: 5, collapse: "k", outcomes: "done" });
  expect(item!.published!.headers).toEqual({ id: "a-1", source: "/shop" });
  expect(item!.payload.toString()).toBe("null");
  expect(binary({ ...BINARY, "ce-ttl": "60", "ce-at": "2026-12-24T09:00:00Z" }).published).toMatchObject({
    ttl: 60,
    at: "2026-12-24T09:00:00Z",
  });
});

test("null is the same as left out", () => {
  expect(structured({ ...EVENT, time: null, togroup: null, data: null, data_base64: null })[0]).toMatchObject({
    outcome: "open",
    published: { to: { client: "u1" } },
  });
});

const broken: [string, Record<string, unknown>, string][] = [
  ["another version", { specversion: "0.3" }, "specversion"],
  ["no version", { specversion: undefined }, "specversion"],
  ["no id", { id: undefined }, "id"],
  ["an empty source", { source: "" }, "source"],
  ["no type", { type: undefined }, "type"],
  ["a type that is no event", { type: "com/example" }, "type"],
  ["no subject", { subject: undefined }, "subject"],
  ["a subject that is no client", { subject: "a b" }, "subject"],
  ["two targets", { togroup: "a", toqueue: "b" }, "toqueue"],
  ["a key without exchange", { exchangekey: "a" }, "exchangekey"],
  ["a wrong group", { togroup: "-" }, "togroup"],
  ["a wrong time", { time: "yesterday" }, "time"],
  ["a wrong ttl", { ttl: "soon" }, "ttl"],
  ["at and delay", { at: "2026-12-24T09:00:00Z", delay: "1" }, "delay"],
  ["a wrong outcomes", { outcomes: "a b" }, "outcomes"],
];
test.for(broken)("%s is refused at its attribute, in each mode", ([, change, attribute]) => {
  const event = JSON.parse(JSON.stringify({ ...EVENT, ...change })) as Record<string, string>;
  const [one] = structured({ ...event, data: 1 });
  expect([places(one!), (one!.outcome as Problem).status]).toEqual([[`/${attribute}`], 422]);
  const [, second] = structured([EVENT, { ...event, id: event["id"] && "a-2" }], "application/cloudevents-batch+json");
  expect(places(second!)).toEqual([`/1/${attribute}`]);
  const headers = Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce-${name}`, value]));
  const item = binary(headers);
  expect([places(item), (item.outcome as Problem).status]).toEqual([[`ce-${attribute}`], 422]);
  expect((item.outcome as Problem).errors![0]!.pointer).toBe("");
});

test("names and values that CloudEvents does not have are refused at their place", () => {
  expect(places(structured({ ...EVENT, my_attribute: 1 })[0]!)).toEqual(["/my_attribute"]);
  expect(places(structured({ ...EVENT, nested: { a: 1 } })[0]!)).toEqual(["/nested"]);
  expect(places(structured({ ...EVENT, data_base64: "AAAA" })[0]!)).toEqual(["/data_base64"]);
  expect(places(binary({ ...BINARY, "ce-datacontenttype": "text/plain" }))).toEqual(["ce-datacontenttype"]);
});

test.for([
  ["Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"],
  ['"quoted \\"text\\" and %20"', 'quoted "text" and  '],
  ["a+b", "a+b"],
  ["100%25", "100%"],
] as const)("the header value %j is %j", ([text, value]) => {
  expect(binary({ ...BINARY, "ce-note": text }).published!.headers).toMatchObject({ note: value });
});

test.for(["100%", "%zz", "%ff", "ä"])("the header value %j is refused, with the header's name", (text) => {
  expect(places(binary({ ...BINARY, "ce-note": text }))).toEqual(["ce-note"]);
});

test("text becomes a JSON string in both modes; other media types are refused", () => {
  const text = 'Grüße, "Ada"';
  const [one] = structured({ ...EVENT, datacontenttype: "text/plain", data: text });
  const two = binary(BINARY, text, "text/plain");
  for (const item of [one!, two]) {
    expect(JSON.parse(item.payload.toString())).toBe(text);
    expect(item.published!.headers).toMatchObject({ datacontenttype: "text/plain" });
  }
  expect(() => binary(BINARY, "x", "application/protobuf")).toThrow(
    expect.objectContaining({ problem: expect.objectContaining({ status: 415 }) }),
  );
  expect(() => binary(BINARY, "{", "application/json")).toThrow(
    expect.objectContaining({ problem: expect.objectContaining({ status: 400 }) }),
  );
});

test("bodies of another form are refused", () => {
  expect((structured([EVENT])[0]!.outcome as Problem).status).toBe(400);
  expect((structured("7")[0]!.outcome as Problem).status).toBe(400);
  for (const [body, type] of [
    [EVENT, "application/cloudevents-batch+json"],
    [[], "application/cloudevents-batch+json"],
    [EVENT, "application/cloudevents+avro"],
  ] as const)
    expect(() => structured(body, type)).toThrow(expect.objectContaining({ name: "Refusal" }));
  expect((structured([7], "application/cloudevents-batch+json")[0]!.outcome as Problem).status).toBe(400);
});

test("the data of an event has the bounds of any data", () => {
  expect(places(structured({ ...EVENT, data: "x".repeat(1_000) })[0]!)).toEqual(["/data"]);
  expect(places(binary(BINARY, `"${"x".repeat(1_000)}"`))).toEqual([""]);
  expect(places(binary(BINARY, `${"[".repeat(61)}${"]".repeat(61)}`))).toEqual([""]);
});

test("in binary mode the headers are part of what an Idempotency-Key stands for", () => {
  const forms = [BINARY, { ...BINARY, "ce-subject": "u2" }, { ...BINARY, "ce-ttl": "1" }, { "x-other": "1" }].map(
    (headers) => formOf({ ...headers, "content-type": "application/json" }),
  );
  expect(new Set(forms).size).toBe(4);
  expect(forms[3]).toBe("application/json");
});
