import { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import {
  describeService,
  type Openapi,
  type Operation,
  type Parameter,
} from "@saasaparilla/shared/http/openapi/document.ts";
import type { Route } from "./routes.ts";

/** /openapi.json, built from the routes. */
export function openapi(routes: readonly Route[]): Openapi {
  const schemas = new Schemas();
  return describeService({
    title: "console",
    description:
      "Manage access: tenants, their API keys, issuers, grants and revocations. A change takes effect everywhere within a few seconds. " +
      "The scope `operate` allows changes, and `read` allows reading. A token of the platform's own issuer is valid for every tenant. A tenant's own token or key is valid for that tenant.",
    port: 8083,
    tags: { access: "Access policies." },
    security: { operator: "A token or an API key with the scope `operate` or `read`." },
    schemas,
    operations: [...routes.map((route) => operation(route, schemas)), ...SIGN_IN],
  });
}

/** Only browsers use them, and no caller is known yet. */
const SIGN_IN: Operation[] = [
  { id: "beginSignIn", path: "/v1/sign-in", summary: "Go to the OpenID provider" },
  { id: "completeSignIn", path: "/v1/sign-in/callback", summary: "Come back from the OpenID provider" },
].map((one) => ({
  ...one,
  method: "get",
  tag: "access",
  description: "For a browser. Sign-in by OpenID Connect must be set up.",
  answers: { 302: { description: "The next page." } },
  problems: ["forbidden", "unavailable"],
}));

function operation(route: Route, schemas: Schemas): Operation {
  const id = route.operation ?? operationId(route);
  const named = capital(id);
  const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
  const parameters: Parameter[] = [
    ...Array.from(path.matchAll(/\{(\w+)\}/g), ([, name = ""]): Parameter => ({
      name,
      in: "path",
      required: true,
      description: `The ${name === "id" ? `id of the ${singular(collectionOf(route.path))}` : name}.`,
      schema: { type: "string" },
    })),
    ...Object.entries(route.query ?? {}).map(([name, description]): Parameter => ({
      name,
      in: "query",
      required: false,
      description,
      schema: { type: "string" },
    })),
  ];
  const json = (suffix: string, schema: NonNullable<Route["body"]>, io: "input" | "output") => ({
    "application/json": { schema: schemas.ref(`${named}${suffix}`, schema, io) },
  });
  return {
    id,
    method: METHODS[route.method],
    path,
    tag: "access",
    summary: route.summary,
    description: `Needs \`${route.needs}\`${route.of === "platform" ? " of the platform" : ""}${operateQuery(route)}.`,
    security: "operator",
    parameters,
    ...(route.body && { body: { required: true, content: json("Body", route.body, "input") } }),
    answers: {
      [route.status]: {
        description: "Done.",
        ...(route.answer && { content: json("Result", route.answer, "output") }),
      },
    },
    problems: ["conflict", ...(route.body ? BODIES : []), ...(route.body && route.needs === "operate" ? WRITES : [])],
    others: { 400: ["invalid-value"] },
  };
}

const operateQuery = ({ operateQuery: name }: Route): string =>
  name === undefined ? "" : `, and \`operate\` with \`${name}\``;

const METHODS = { GET: "get", PUT: "put", POST: "post", DELETE: "delete" } as const;
const BODIES = ["invalid-shape", "invalid-value", "busy", "too-large", "too-slow", "unsupported-media-type"] as const;

const WRITES = ["upgrade-unfinished"] as const;

/** listKeys, getTenant, putGrant, createKey, deleteIssuer, rotateKey, explainAccess: from method and path. */
function operationId({ method, path }: Pick<Route, "method" | "path">): string {
  const parts = path.split("/").slice(2);
  const last = parts.at(-1)!;
  const collection = capital(camel(collectionOf(path)));
  if (last.startsWith(":")) return `${method.toLowerCase()}${singular(collection)}`;
  if (method === "GET") return `list${collection}`;
  // A verb on one of them, or on the tenant.
  if (last !== collectionOf(path)) return parts.length > 4 ? `${camel(last)}${singular(collection)}` : camel(last);
  return `${method === "POST" ? "create" : method.toLowerCase()}${method === "POST" ? singular(collection) : collection}`;
}

/** The last plural part of a path. */
function collectionOf(path: string): string {
  return path.split("/").findLast((part) => part.endsWith("s") && !part.startsWith(":") && !part.endsWith("ss"))!;
}

const singular = (many: string): string => many.replace(/(?<=ch)es$|s$/, "");
const capital = (word: string): string => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
const camel = (words: string): string => words.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
