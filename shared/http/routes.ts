import { guarded } from "#http/body-guard.ts";
import { CallerGuard } from "#http/caller-guard.ts";
import { authenticateRequest } from "#auth/authenticate-request.ts";
import { bearer, type Identity } from "#auth/identity.ts";
import { readJson } from "#http/read-json.ts";
import { Refusal, wrongBody } from "#http/refusal.ts";
import { isResponse, unavailable, type HttpResponse } from "#http/response.ts";
import type { HttpServer } from "#http/server.ts";
import type { Log } from "#runtime/log.ts";
import type { Registry } from "#runtime/metrics.ts";
import type { Request } from "#http/request.ts";
import type { z } from "zod";

/**
 * The right that a request needs: for a target of the caller's tenant, as `queue/<name>`, or for a tenant. Only
 * operators of the platform may name another tenant than their own.
 */
export type Needs =
  | { scope: "consume"; target: string }
  | { scope: "publish"; target?: string }
  | { scope: "subscribe" }
  | { scope: "read" | "operate"; tenant: string | undefined };

/** The caller, if it has the right. Throws `Refused` otherwise. */
export type Admit = (needs: Needs, token: string | undefined, request: Request) => Identity | Promise<Identity>;

export interface Call {
  caller: Identity;
  request: Request;
  /** The parts of the path that the route names, in its order. */
  names: readonly string[];
}

/** One operation. Its right, its body and its answers are defined only here. */
export interface Route<Body = unknown> {
  method: "get" | "post" | "put" | "delete";
  /** As `/v1/queues/:queue/messages`. */
  path: string;
  /** `name`: the first named part of the path, or "". */
  needs(name: string, request: Request): Needs;
  body?: z.ZodType<Body>;
  handle(call: Call, body: Body): HttpResponse | Promise<HttpResponse>;
  /** The outcome of an admitted request, for the audit log. */
  ended?(call: Call, response: HttpResponse): void;
}

/** Infers the type of a route's body from its schema. */
export function route<Body>(described: Route<Body>): Route {
  return described;
}

export interface ServeParts {
  admit: Admit;
  /** A store failed during a request. */
  failed: (error: unknown) => void;
  registry: Registry;
  log: Log;
}

const BODY_BYTES = 256 << 10;
const ANSWERS = { forbidden: "Send a token or key that allows this." };

/** One guard for all routes: it bounds the bytes of all bodies together. */
export function serveRoutes(server: HttpServer, routes: readonly Route[], parts: ServeParts): void {
  const { admit, registry } = parts;
  const known = new Map(routes.map((route) => [`${route.method} ${route.path}`, route]));
  const routeOf = (request: Request): Route => known.get(`${request.method} ${request.route}`)!;
  const callerGuard = new CallerGuard<Call>({
    registry,
    identify(request) {
      const names = namesIn(request);
      const pass = () =>
        admit(routeOf(request).needs(names[0] ?? "", request), bearer(request.headers.authorization), request);
      const toCall = (caller: Identity | HttpResponse): Call | HttpResponse =>
        isResponse(caller) ? caller : { caller, request, names };
      const caller = authenticateRequest(pass, ANSWERS);
      return caller instanceof Promise ? caller.then(toCall) : toCall(caller);
    },
    refused: (request, call, response) => routeOf(request).ended?.(call, response),
  });
  for (const route of routes) {
    const endpoint = guarded(callerGuard, async (_, body, call) => {
      const response = await answerOf(route, call, body, parts);
      route.ended?.(call, response);
      return response;
    });
    if (route.method === "get") server.get(route.path, endpoint);
    else if (route.method === "delete") server.delete(route.path, endpoint);
    else server[route.method](route.path, BODY_BYTES, endpoint);
  }
}

async function answerOf(route: Route, call: Call, body: Buffer, { failed, log }: ServeParts): Promise<HttpResponse> {
  try {
    return await route.handle(call, route.body ? parsed(route.body, body) : undefined);
  } catch (error) {
    if (error instanceof Refusal) return error.response;
    failed(error);
    // The reason is only for operators, because it may name internals.
    log.warn({ err: error, method: call.request.method, path: call.request.path }, "a request failed");
    return unavailable("The service cannot reach a store that it needs. You can safely repeat the request.");
  }
}

function parsed(schema: z.ZodType, body: Buffer): unknown {
  const read = readJson(body);
  if ("wrong" in read) throw new Refusal(wrongBody([{ path: [], message: read.wrong }]));
  const result = schema.safeParse(read.value);
  if (result.success) return result.data;
  throw new Refusal(wrongBody(result.error.issues));
}

/** A badly encoded part fits no form. */
function namesIn({ route, path }: Request): string[] {
  const parts = path.split("/");
  return route.split("/").flatMap((part, at) => (part.startsWith(":") ? [decoded(parts[at] ?? "")] : []));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}
