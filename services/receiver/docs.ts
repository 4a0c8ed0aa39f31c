import type { HttpServer, Request } from "@saasaparilla/shared/http.ts";
import { json, type Reply } from "@saasaparilla/shared/reply.ts";
import type { Openapi } from "./openapi.ts";
import { PROBLEMS, problemOf, type Slug } from "./problems.ts";

/** /openapi.json, a page that renders it, and one for each kind of problem. They need nothing from elsewhere: no script, no CDN. */
export function serveDocs(server: Pick<HttpServer, "get">, document: Openapi): void {
  const described = JSON.stringify(document);
  const page = html(document.info.title, renderOpenapi(document));
  server.get("/openapi.json", () => ({
    status: 200,
    headers: { "content-type": "application/openapi+json" },
    body: described,
  }));
  server.get("/docs", () => page);
  server.get("/problems/:slug", (request) => problemPage(request));
}

function problemPage({ path, headers }: Request): Reply {
  const slug = path.slice("/problems/".length);
  if (!Object.hasOwn(PROBLEMS, slug))
    return json(404, problemOf("not-found"), { "content-type": "application/problem+json" });
  const { status, title, about, fix } = PROBLEMS[slug as Slug];
  if (!headers.accept?.includes("text/html"))
    return json(200, { type: `/problems/${slug}`, status, title, about, fix });
  return html(
    title,
    `<h1>${escape(title)}</h1><p><code>${slug}</code>, status ${status}</p><p>${prose(about)}</p><h2>How to fix it</h2><p>${prose(fix)}</p>${BACK}`,
  );
}

const BACK = '<p><a href="/docs">All of it</a></p>';

function renderOpenapi({ info, paths, components }: Openapi): string {
  const operations = Object.entries(paths).flatMap(([path, { post }]) => [
    `<h2><code>POST ${escape(path)}</code> ${escape(post.summary)}</h2>`,
    ...post.description.split("\n").map((line) => `<p>${prose(line)}</p>`),
    "<h3>Headers</h3>",
    table(
      ["Header", "What it is"],
      [
        ["Authorization", components.securitySchemes.publisher.description],
        ...post.parameters.map(({ name, description }) => [name, description]),
      ],
    ),
    "<h3>Body</h3>",
    ...Object.entries(post.requestBody.content).map(
      ([type, content]) => `<h4>${escape(type)}</h4>${examplesOf(content).map(code).join("")}`,
    ),
    "<h3>Answers</h3>",
    table(
      ["Status", "When"],
      Object.entries(post.responses).map(([status, { description }]) => [status, description]),
    ),
  ]);
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) => `<h2>${escape(name)}</h2>${renderSchema(schema)}`,
  );
  const problems = table(
    ["Problem", "Status", "What it means", "How to fix it"],
    Object.entries(PROBLEMS).map(([slug, { status, about, fix }]) => [slug, String(status), about, fix]),
  );
  return `<h1>${escape(info.title)}</h1><p>${prose(info.description)}</p><p><a href="/openapi.json">openapi.json</a></p>${operations.join("")}${schemas.join("")}<h2>Problems</h2>${problems}`;
}

function examplesOf(content: { examples?: Record<string, { value: unknown }>; example?: string }): string[] {
  if (content.example !== undefined) return [content.example];
  return Object.values(content.examples ?? {}).map(({ value }) => JSON.stringify(value, null, 2));
}

interface Schema {
  description?: string;
  type?: string;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
}

function renderSchema(schema: Schema): string {
  const rows = Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
    rowsOf(name, inner, schema.required?.includes(name) ?? false),
  );
  return `<p>${prose(schema.description ?? "")}</p>${table(["Member", "Type", "What it is"], rows)}`;
}

function rowsOf(path: string, schema: Schema, required: boolean): string[][] {
  const inner = schema.type === "array" ? (schema.items ?? {}) : schema;
  const name = schema.type === "array" ? `${path}[]` : path;
  const range =
    schema.minimum !== undefined && schema.minimum > Number.MIN_SAFE_INTEGER
      ? ` ${schema.minimum} to ${schema.maximum}`
      : "";
  const type = `${schema.format ?? schema.type ?? "any"}${range}${required ? "" : ", optional"}`;
  const rows = Object.entries(inner.properties ?? {}).flatMap(([key, value]) =>
    rowsOf(`${name}.${key}`, value, inner.required?.includes(key) ?? false),
  );
  return [[name, type, schema.description ?? ""], ...rows];
}

function table(head: string[], rows: string[][]): string {
  const row = (cells: string[], tag: "th" | "td"): string =>
    `<tr>${cells.map((cell, i) => `<${tag}>${i === 0 && tag === "td" ? `<code>${escape(cell)}</code>` : prose(cell)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table><thead>${row(head, "th")}</thead><tbody>${rows.map((cells) => row(cells, "td")).join("")}</tbody></table></div>`;
}

function code(text: string): string {
  return `<pre><code>${escape(text)}</code></pre>`;
}

/** Escaped, with what stands between backticks as code. */
function prose(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, "<code>$1</code>");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.5rem;border-bottom:1px solid #8886}pre{background:#8882;padding:.75rem;overflow:auto;border-radius:4px}code{font:.9em ui-monospace,monospace}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #8884}`;

function html(title: string, body: string): Reply {
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
  };
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${STYLE}</style>`;
  return {
    status: 200,
    headers,
    body: `<!doctype html><html lang="en"><head>${head}</head><body>${body}</body></html>`,
  };
}
