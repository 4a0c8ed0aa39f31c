import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { batchFrame, pollAnswer, serverFrames } from "#services/distributor/api/frame-schemas.ts";
import { PROBLEM_TYPES } from "@saasaparilla/shared/http/problem-types.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";
import { openWebSocket } from "#tests/support/raw-transports.ts";

/**
 * Each service's description of itself. `npx just descriptions` checks the same documents with linters and generators.
 */
const KINDS = [
  "receiver",
  "director",
  "distributor",
  "console",
  "courier",
  "dispatcher",
  "recorder",
] as const satisfies Kind[];

let stack: Stack;
const services = {} as Record<Kind, Service>;

beforeAll(async () => {
  stack = await startStack({ services: [...KINDS] });
  KINDS.forEach((kind, index) => (services[kind] = stack.services[index]!));
});

afterAll(() => stack.close());

interface Document {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, { operationId: string; security: object[]; responses: Record<string, object> }>>;
  components: { schemas: Record<string, object> };
}

async function documentOf(kind: Kind, name = "openapi"): Promise<Document> {
  const response = await fetch(`${services[kind].url}/${name}.json`);
  expect(response.status).toBe(200);
  return (await response.json()) as Document;
}

/** Every member of that name, at any depth. */
function all(value: unknown, name: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [...(key === name ? [inner] : []), ...all(inner, name)]);
}

test.for(KINDS)(
  "%s: the OpenAPI 3.1 document has a server and identifiers, and its schemas are components",
  async (kind) => {
    const document = await documentOf(kind);
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.servers.length).toBeGreaterThan(0);
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    const ids = operations.map(({ operationId }) => operationId);
    expect(ids.filter((id) => !/^[a-z][A-Za-z0-9]*$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    const references = all(document, "$ref") as string[];
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(references.filter((reference) => !known.includes(reference))).toEqual([]);
    expect(known.filter((reference) => !references.includes(reference))).toEqual([]);
    // Bodies have no inline object schemas beside the components.
    const inline = all(document.paths, "schema").filter((schema) => "properties" in (schema as object));
    expect(inline).toEqual([]);
  },
);

test.for(KINDS)("%s: the document describes every route, and no other", async (kind) => {
  const { routes } = await services[kind].logged(({ routes: listed }) => Array.isArray(listed) && listed.length > 5);
  const served = (routes as string[])
    .filter((route) => !route.startsWith("WS ") && route !== "GET /asyncapi.json")
    .map((route) => route.replaceAll(/:(\w+)/g, "{$1}"));
  const document = await documentOf(kind);
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.toSorted()).toEqual(served.toSorted());
});

test("defaults do not depend on the clock: two processes have the same documents", async () => {
  const other = await stack.start("console");
  const said = await (await fetch(`${other.url}/openapi.json`)).json();
  expect(said).toEqual(await documentOf("console"));
  const numbers = all(said, "default").filter((value) => typeof value === "number" && value > 1e9);
  expect(numbers).toEqual([]);
  await other.stop();
});

test("the frames of the streams match the AsyncAPI document", async () => {
  const document = (await documentOf("distributor", "asyncapi")) as unknown as { asyncapi: string };
  expect(document.asyncapi).toMatch(/^3\./);
  const { distributor } = services;
  const publisher = await Publisher.of(stack);
  await publisher.number("framed", 2);
  const token = await stack.token({ client: "framed" });
  const frames: { type: string }[] = [];
  await new Promise<void>((live, failed) => {
    const wire = openWebSocket(
      { url: distributor.url, token, cursor: undefined, explicit: false },
      {
        frame(text) {
          const frame = JSON.parse(text) as { type: string };
          frames.push(frame);
          if (frame.type !== "live") return;
          wire.destroy();
          live();
        },
        heartbeat() {},
        ended: () => failed(new Error("it ended")),
        failed,
      },
    );
  });
  const schemas = [...Object.values(serverFrames).filter((schema) => "shape" in schema), batchFrame];
  for (const frame of frames) {
    const schema = schemas.find(({ shape }) => shape.type.value === frame.type);
    expect(schema?.safeParse(frame)).toMatchObject({ success: true });
  }
  expect(frames.map(({ type }) => type)).toEqual(expect.arrayContaining(["connected", "live"]));
  const polled = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers: { authorization: `Bearer ${token}` } });
  expect(pollAnswer.safeParse(await polled.json())).toMatchObject({ success: true });
});

/** Every problem name in the services' source. */
function namesInSource(): string[] {
  const root = resolve(import.meta.dirname, "../..");
  const files = ["services", "shared", "compose/haproxy"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ts|cfg)$/.test(name) && !name.includes("node_modules") && !name.endsWith(".test.ts"))
      .map((name) => readFileSync(join(root, folder, name), "utf8")),
  );
  const found = files.flatMap((text) => [
    ...Array.from(text.matchAll(/\/problems\/([a-z-]+)/g), ([, name]) => name!),
    ...Array.from(text.matchAll(/(?:problemOf|refuse)\(\s*"([a-z-]+)"/g), ([, name]) => name!),
  ]);
  return [...new Set(found)];
}

test("every problem type has a page on each service, for people and for programs", async () => {
  const names = [...new Set([...Object.keys(PROBLEM_TYPES), ...namesInSource()])];
  expect(namesInSource().length).toBeGreaterThan(15);
  for (const kind of KINDS) {
    for (const name of names) {
      const type = `/problems/${name}`;
      const response = await fetch(services[kind].url + type);
      expect([kind, type, response.status]).toEqual([kind, type, 200]);
      expect(await response.json()).toMatchObject({ type, title: expect.any(String), fix: expect.any(String) });
    }
    const page = await fetch(`${services[kind].url}/problems/busy`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    const docs = await (await fetch(`${services[kind].url}/docs`)).text();
    expect(docs).not.toMatch(/(src|href)="(https?:)?\/\//);
    for (const name of names) expect(docs).toContain(name);
    expect((await fetch(`${services[kind].url}/problems/constructor`)).status).toBe(404);
  }
});
