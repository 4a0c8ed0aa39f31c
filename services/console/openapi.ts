import { z } from "zod";
import type { Route } from "./routes.ts";

const PROBLEM = {
  type: "object",
  required: ["type", "title", "status", "detail"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    retryAfter: { type: "integer", description: "Seconds; also sent as Retry-After." },
    errors: { type: "array", items: { type: "object" } },
  },
} as const;

const REFUSALS: Record<string, string> = {
  400: "What was sent has not the expected form; `errors` says where.",
  403: "The token or key does not allow this here. Nothing more is said; `explain-access` says why.",
  404: "There is no such thing in this tenant.",
  409: "It cannot be done as things stand; `detail` says why.",
  413: "The body is too large.",
  429: "Your operators, or what comes from your address and is refused, ask more often than they may. Come back after Retry-After.",
  503: "Postgres is away, or too many bodies are held at once. Try again after Retry-After.",
};

/** /openapi.json, from the routes themselves. */
export function openapi(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route, path);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "SaaSaparilla Notifications: console",
      version: "1",
      description:
        "Who may do what: tenants, their API keys, issuers, grants and revocations. A change holds everywhere within a few seconds. " +
        "`operate` changes and `read` sees: by a token of the platform's own issuer in any tenant, by a tenant's own token or key in that one.",
    },
    paths,
    components: {
      securitySchemes: { operator: { type: "http", scheme: "bearer" } },
      schemas: { Problem: PROBLEM },
    },
  };
}

function operation(route: Route, path: string): object {
  const parameters = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const query = Object.entries(route.query ?? {}).map(([name, description]) => ({
    name,
    in: "query",
    description,
    schema: { type: "string" },
  }));
  return {
    operationId: `${route.method.toLowerCase()} ${path}`,
    summary: route.summary,
    description: `Needs \`${route.needs}\`${route.of === "platform" ? " of the platform" : ""}.`,
    security: [{ operator: [] }],
    parameters: [...parameters, ...query],
    ...(route.body && {
      requestBody: { required: true, content: { "application/json": { schema: schemaOf(route.body, "input") } } },
    }),
    responses: {
      431: {
        description: "The address and the headers together are too large; answered before anything else, as text.",
      },
      [route.status]: {
        description: "Done.",
        ...(route.answer && { content: { "application/json": { schema: schemaOf(route.answer, "output") } } }),
      },
      ...Object.fromEntries(
        Object.entries(REFUSALS).map(([status, description]) => [
          status,
          {
            description,
            content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        ]),
      ),
    },
  };
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
