import { problemSchema, problemsText, type JsonSchema, type Schemas } from "./schemas.ts";
import { PROBLEM_TYPES, type ProblemName } from "#http/problem-types.ts";

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description: string;
  schema: JsonSchema;
}

export interface Content {
  schema: JsonSchema;
  example?: unknown;
  examples?: Record<string, { summary?: string; value: unknown }>;
}

export interface Answer {
  description: string;
  headers?: Record<string, { description: string; schema: JsonSchema }>;
  content?: Record<string, Content>;
}

/** One operation, as a service describes it. */
export interface Operation {
  /** An identifier: generators name a function after it. */
  id: string;
  method: "get" | "post" | "put" | "delete";
  /** With `{name}`. */
  path: string;
  tag: string;
  summary: string;
  description: string;
  /** A name of `Service.security`. Without it the operation needs no token. */
  security?: string;
  parameters?: Parameter[];
  body?: { required: boolean; content: Record<string, Content> };
  answers: Record<number, Answer>;
  problems: ProblemName[];
  /** Problems with another status than the usual one. */
  others?: Record<number, ProblemName[]>;
  /** Headers of answers with this status. */
  headers?: Record<number, NonNullable<Answer["headers"]>>;
}

export interface Service {
  title: string;
  description: string;
  /** In the local stack. */
  port: number;
  /** The description of each tag. */
  tags: Record<string, string>;
  /** Bearer tokens by name, with the rights that they need. */
  security: Record<string, string>;
  schemas: Schemas;
  operations: Operation[];
}

export interface Described {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: Operation["body"];
  responses: Record<string, Answer>;
}

export interface Openapi {
  openapi: string;
  info: {
    title: string;
    version: string;
    description: string;
    contact: { name: string };
    license: { name: string; identifier: string };
  };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Described>>;
  components: {
    securitySchemes: Record<string, { type: "http"; scheme: "bearer"; bearerFormat: string; description: string }>;
    schemas: Record<string, JsonSchema>;
  };
}

const RETRY_AFTER = { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } };
const AUTHENTICATE = {
  "WWW-Authenticate": { description: "The error code (RFC 6750, section 3).", schema: { type: "string" } },
};
const ALLOW = { Allow: { description: "The supported methods.", schema: { type: "string" } } };

/** Any request can get these answers. */
const ALWAYS: ProblemName[] = ["invalid-request", "not-found", "internal"];
/** Any request with a token can get these answers. */
const WITH_TOKEN: ProblemName[] = ["forbidden", "token-in-query", "rate-limited", "unavailable"];

/** An OpenAPI 3.1 document. It adds the parts of every service: health, metrics, and the documents themselves. */
export function describeService(service: Service): Openapi {
  const { schemas } = service;
  const problem = schemas.ref("Problem", problemSchema);
  const paths: Openapi["paths"] = {};
  for (const operation of [...service.operations, ...commonOperations(schemas)]) {
    const { id, method, path, tag, summary, description, security, parameters, body } = operation;
    (paths[path] ??= {})[method] = {
      operationId: id,
      tags: [tag],
      summary,
      description,
      security: security === undefined ? [] : [{ [security]: [] }],
      ...(parameters && { parameters }),
      ...(body && { requestBody: body }),
      responses: responsesOf(operation, problem),
    };
  }
  const securitySchemes: Openapi["components"]["securitySchemes"] = {};
  for (const [name, about] of Object.entries(service.security))
    securitySchemes[name] = { type: "http", scheme: "bearer", bearerFormat: "JWT", description: about };
  return {
    openapi: "3.1.0",
    info: {
      title: `SaaSaparilla Notifications: ${service.title}`,
      version: "1",
      description: service.description,
      contact: { name: "The platform's operator" },
      license: { name: "Apache License 2.0", identifier: "Apache-2.0" },
    },
    servers: [
      { url: "/", description: "The service that serves this document" },
      { url: `http://localhost:${service.port}`, description: "The local stack" },
    ],
    tags: Object.entries({ ...service.tags, ...COMMON_TAGS }).map(([name, about]) => ({ name, description: about })),
    paths,
    components: { securitySchemes, schemas: schemas.all },
  };
}

function responsesOf({ answers, problems, others = {}, headers = {}, security }: Operation, schema: JsonSchema) {
  const byStatus = new Map<number, ProblemName[]>();
  const add = (status: number, name: ProblemName): void => {
    const names = byStatus.get(status) ?? [];
    if (!names.includes(name)) byStatus.set(status, [...names, name]);
  };
  for (const name of [...problems, ...(security === undefined ? [] : WITH_TOKEN), ...ALWAYS])
    add(PROBLEM_TYPES[name].status, name);
  add(431, "too-large");
  for (const [status, names] of Object.entries(others)) for (const name of names) add(Number(status), name);
  const responses: Record<string, Answer> = {};
  for (const [status, answer] of Object.entries(answers)) responses[status] = answer;
  for (const [status, names] of byStatus) {
    if (responses[status]) continue;
    const more = {
      ...([409, 429, 503].includes(status) && RETRY_AFTER),
      ...(status === 403 && AUTHENTICATE),
      ...(status === 405 && ALLOW),
      ...headers[status],
    };
    responses[status] = {
      description: problemsText(names),
      ...(Object.keys(more).length > 0 && { headers: more }),
      content: { "application/problem+json": { schema } },
    };
  }
  return responses;
}

const COMMON_TAGS = { service: "Health, metrics and API documents. Every service has them." };

function commonOperations(schemas: Schemas): Operation[] {
  const get = (id: string, path: string, summary: string, answers: Operation["answers"]): Operation => ({
    id,
    method: "get",
    path,
    tag: "service",
    summary,
    description: "Needs no token.",
    answers,
    problems: [],
  });
  schemas.all["Health"] = {
    type: "object",
    description:
      "The state of the service. For `ready`, `missing` names the stores that it cannot reach, and `ailing` names parts that fail while it still works.",
    properties: {
      live: { type: "boolean" },
      serving: { type: "boolean" },
      ready: { type: "boolean" },
      missing: { type: "object", additionalProperties: { type: "string" } },
      ailing: { type: "object", additionalProperties: { type: "string" } },
    },
  };
  schemas.all["ProblemType"] = {
    type: "object",
    description: "A kind of problem.",
    required: ["type", "status", "title", "about", "fix"],
    properties: {
      type: { type: "string" },
      status: { type: "integer" },
      title: { type: "string" },
      about: { type: "string" },
      fix: { type: "string" },
    },
  };
  const state = (description: string): Answer => ({
    description,
    content: { "application/json": { schema: { $ref: "#/components/schemas/Health" } } },
  });
  const text = (type: string, description: string): Answer => ({
    description,
    content: { [type]: { schema: { type: "string" } } },
  });
  return [
    get("getLive", "/health/live", "Check whether the process is alive", { 200: state("The process is alive.") }),
    get("getReady", "/health/ready", "Check whether all dependencies are available", {
      200: state("All dependencies are available."),
      503: state("A dependency is not available."),
    }),
    get("getServing", "/health/serving", "Check whether the service accepts requests", {
      200: state("It is."),
      503: state("The service is starting or shutting down."),
    }),
    get("getMetrics", "/metrics", "Get metrics for Prometheus", { 200: text("text/plain", "The metrics.") }),
    get("getOpenapi", "/openapi.json", "This document", {
      200: { description: "OpenAPI 3.1.", content: { "application/openapi+json": { schema: { type: "object" } } } },
    }),
    get("getDocs", "/docs", "Read this document as a page", { 200: text("text/html", "The page.") }),
    {
      ...get("getProblemType", "/problems/{name}", "Explain a kind of problem and its fix", {
        200: {
          description: "The kind of problem, as JSON, or as a page if you accept HTML.",
          content: {
            "application/json": { schema: { $ref: "#/components/schemas/ProblemType" } },
            "text/html": { schema: { type: "string" } },
          },
        },
      }),
      parameters: [
        {
          name: "name",
          in: "path",
          required: true,
          description: "The last part of a problem's `type`.",
          schema: { type: "string", enum: Object.keys(PROBLEM_TYPES) },
        },
      ],
    },
  ];
}
