import { code, html, prose, escape, table } from "./html.ts";
import type { Handler, Request } from "#http/request.ts";
import type { JsonSchema } from "./schemas.ts";
import type { Described, Openapi } from "./document.ts";
import { problemOf } from "#http/problem.ts";
import { PROBLEM_TYPES, type ProblemName } from "#http/problem-types.ts";
import { json, problemResponse, type HttpResponse } from "#http/response.ts";

interface Gets {
  get(path: string, handler: Handler): void;
}

/** /openapi.json and a page that renders it. They load nothing from other servers: no script, no CDN. */
export function serveDocs(server: Gets, document: Openapi): void {
  serveDocument(server, "/openapi.json", "application/openapi+json", document);
  const page = html(document.info.title, renderOpenapi(document));
  server.get("/docs", () => page);
}

export function serveDocument(server: Gets, path: string, type: string, document: object): void {
  const body = JSON.stringify(document);
  server.get(path, () => ({ status: 200, headers: { "content-type": type }, body }));
}

/** The page of every kind of problem, for people and for programs. */
export function problemPage({ path, headers }: Pick<Request, "path" | "headers">): HttpResponse {
  const name = path.slice("/problems/".length);
  if (!Object.hasOwn(PROBLEM_TYPES, name)) return problemResponse(problemOf("not-found"));
  const { status, title, about, fix } = PROBLEM_TYPES[name as ProblemName];
  if (!headers["accept"]?.includes("text/html"))
    return json(200, { type: `/problems/${name}`, status, title, about, fix });
  return html(
    title,
    `<h1>${escape(title)}</h1><p><code>${name}</code>, status ${status}</p><p>${prose(about)}</p><h2>How to fix it</h2><p>${prose(fix)}</p>${BACK}`,
  );
}

const BACK = '<p><a href="/docs">API of this service</a></p>';

function renderOpenapi({ info, paths, components }: Openapi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => renderOperation(method, path, operation, components)),
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) => `<h2 id="${escape(name)}">${escape(name)}</h2>${renderSchema(schema, components.schemas)}`,
  );
  const problems = table(
    ["Problem", "Status", "Meaning", "Fix"],
    Object.entries(PROBLEM_TYPES).map(([name, { status, about, fix }]) => [name, String(status), about, fix]),
  );
  return `<h1>${escape(info.title)}</h1><p>${prose(info.description)}</p><p><a href="/openapi.json">openapi.json</a></p>${operations.join("")}${schemas.join("")}<h2>Problems</h2>${problems}`;
}

function renderOperation(
  method: string,
  path: string,
  operation: Described,
  components: Openapi["components"],
): string {
  const tokens = operation.security.flatMap((one) => Object.keys(one));
  const parameters = [
    ...tokens.map((name) => ["Authorization", "header", components.securitySchemes[name]?.description ?? ""]),
    ...(operation.parameters ?? []).map((one) => [one.name, one.in, one.description]),
  ];
  const bodies = Object.entries(operation.requestBody?.content ?? {}).map(
    ([type, content]) =>
      `<h4>${escape(type)}</h4>${schemaLink(content.schema)}${examplesOf(content).map(code).join("")}`,
  );
  const answers = Object.entries(operation.responses).map(([status, { description }]) => [status, description]);
  return [
    `<h2><code>${method.toUpperCase()} ${escape(path)}</code> ${escape(operation.summary)}</h2>`,
    ...operation.description.split("\n").map((line) => `<p>${prose(line)}</p>`),
    ...(parameters.length > 0 ? ["<h3>Parameters</h3>", table(["Name", "In", "Description"], parameters)] : []),
    ...(bodies.length > 0 ? ["<h3>Body</h3>", ...bodies] : []),
    "<h3>Responses</h3>",
    table(["Status", "Meaning"], answers),
  ].join("");
}

function examplesOf(content: { examples?: Record<string, { value: unknown }>; example?: unknown }): string[] {
  const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
  if (content.example !== undefined) return [text(content.example)];
  return Object.values(content.examples ?? {}).map(({ value }) => text(value));
}

function schemaLink({ $ref }: JsonSchema): string {
  const name = nameOf($ref);
  return name === undefined ? "" : `<p><a href="#${escape(name)}">${escape(name)}</a></p>`;
}

function nameOf(ref: string | undefined): string | undefined {
  return ref?.slice("#/components/schemas/".length);
}

type All = Record<string, JsonSchema>;

function renderSchema(schema: JsonSchema, all: All): string {
  const rows = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    rowsOf({ path: name, schema: inner, required: schema.required?.includes(name) ?? false }, all),
  );
  return `<p>${prose(schema.description ?? "")}</p>${rows.length > 0 ? table(["Member", "Type", "Description"], rows) : ""}`;
}

function rowsOf(
  { path, schema, required }: { path: string; schema: JsonSchema; required: boolean },
  all: All,
): string[][] {
  const inner = schema.type === "array" ? (schema.items ?? {}) : schema;
  const name = schema.type === "array" ? `${path}[]` : path;
  const range =
    schema.minimum !== undefined && schema.minimum > Number.MIN_SAFE_INTEGER
      ? ` ${schema.minimum} to ${schema.maximum ?? "any"}`
      : "";
  const one = ((inner["oneOf"] as JsonSchema[] | undefined) ?? []).flatMap(({ $ref }) => nameOf($ref) ?? []);
  const kind = nameOf(inner.$ref) ?? schema.format ?? schema.type ?? (one.join(" or ") || "any");
  // The members of each alternative are optional.
  const alternatives = one.flatMap((of) => Object.entries(all[of]?.properties ?? {}));
  const rows = [...Object.entries(inner.properties ?? {}), ...alternatives].flatMap(([key, value]) =>
    rowsOf({ path: `${name}.${key}`, schema: value, required: inner.required?.includes(key) ?? false }, all),
  );
  return [[name, `${kind}${range}${required ? "" : ", optional"}`, schema.description ?? ""], ...rows];
}
