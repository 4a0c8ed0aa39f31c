import type { Scope } from "@saasaparilla/shared/access-rows.ts";
import { isReply, CallerGuard } from "@saasaparilla/shared/caller-guard.ts";
import type { Askers } from "@saasaparilla/shared/askers.ts";
import { Failure, messageOf } from "@saasaparilla/shared/errors.ts";
import { TurnedAway, type Gate } from "@saasaparilla/shared/gate.ts";
import type { HttpServer, Request } from "@saasaparilla/shared/http.ts";
import { tooMany, type Reply } from "@saasaparilla/shared/reply.ts";
import { bearer, Refused, type Identity } from "@saasaparilla/shared/identity.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import type { Registry } from "@saasaparilla/shared/metrics.ts";
import { TENANT_FORM } from "@saasaparilla/shared/notification.ts";
import type { z } from "zod";
import { conflict, forbidden, Refusal, unavailable, wrongBody, wrongPath } from "./answers.ts";

export interface Call {
  caller: Identity;
  tenant: string;
  id: string;
  query: URLSearchParams;
}

/** One thing that operators ask for. What they may, what they send and what they are answered stands here, and nowhere else. */
export interface Route<Body = unknown> {
  method: "GET" | "PUT" | "POST" | "DELETE";
  /** With `:tenant`, and maybe `:id`. */
  path: string;
  needs: Extract<Scope, "operate" | "read">;
  /** Whose operators: those of the tenant in the path and of the platform, or of the platform alone. */
  of: "tenant" | "platform";
  summary: string;
  body?: z.ZodType<Body>;
  query?: Record<string, string>;
  /** The answer where all is well, and its form. */
  status: 200 | 201 | 204;
  answer?: z.ZodType;
  handle(call: Call, body: Body): Promise<Reply>;
}

/** Infers what a route's body is from its form. */
export function route<Body>(described: Route<Body>): Route {
  return described;
}

const BODY_BYTES = 64 << 10;
const ID_FORM = /^[A-Za-z0-9_-]{1,64}$/;
/** A subject, or "*". */
const SUBJECT_FORM = /^[\x21-\x7e]{1,256}$/;

export interface ServeParts {
  gate: Gate;
  /** How often the operators of a tenant ask. */
  tenants: Askers;
  registry: Registry;
  log: Log;
}

export function serveRoutes(server: HttpServer, routes: readonly Route[], parts: ServeParts): void {
  const { gate, registry, log } = parts;
  const known = new Map(routes.map((route) => [`${route.method.toLowerCase()} ${route.path}`, route]));
  const guard = new CallerGuard<Call>({
    registry,
    identify: (request) =>
      callOf(known.get(`${request.method} ${request.route}`)!, request, parts).catch((error: unknown) =>
        refusalOf(error, request, log),
      ),
  });
  for (const route of routes) {
    const answer = async (request: Request, body: Buffer): Promise<Reply> => {
      const call = await guard.callerOf(request);
      if (isReply(call)) return call;
      try {
        return await handle(route, request, call, body, gate);
      } catch (error) {
        return refusalOf(error, request, log);
      }
    };
    if (route.method === "GET") server.get(route.path, answer, guard);
    else if (route.method === "DELETE") server.delete(route.path, answer, guard);
    else if (route.method === "PUT") server.put(route.path, BODY_BYTES, answer, guard);
    else server.post(route.path, BODY_BYTES, answer, guard);
  }
}

/** Who asks, before anything else: who may not learns nothing, not even whether there is such a tenant. */
async function callOf(route: Route, request: Request, { gate, tenants }: ServeParts): Promise<Call> {
  const { tenant, id } = named(route.path, request.path);
  // A name that no tenant has is nobody's: only those who run the platform pass, and are told that it is wrong.
  const reached = route.of === "platform" || tenant === undefined || !TENANT_FORM.test(tenant) ? "" : tenant;
  const caller = await gate.pass(bearer(request.headers.authorization), route.needs, request, reached);
  const late = tenants.late(caller.tenant, performance.now());
  if (late !== undefined)
    throw new Refusal(tooMany("The operators of your tenant ask more often than they may.", late));
  if (tenant !== undefined && !TENANT_FORM.test(tenant)) throw new Refusal(wrongPath("tenant"));
  const form = route.path.includes("/revocations/") ? SUBJECT_FORM : ID_FORM;
  if (id !== undefined && !form.test(id)) throw new Refusal(wrongPath("id"));
  return { caller, tenant: tenant ?? "", id: id ?? "", query: request.query };
}

async function handle(route: Route, request: Request, call: Call, body: Buffer, gate: Gate): Promise<Reply> {
  const reply = await route.handle(call, route.body ? parsed(route.body, body) : undefined);
  // What was made has a name only now.
  const made = reply.headers?.location;
  if (made !== undefined) {
    const { address } = request;
    gate.made(call.caller, route.needs, { method: "made", route: route.path, path: made, address });
  }
  return reply;
}

function named(pattern: string, path: string): { tenant: string | undefined; id: string | undefined } {
  const parts = path.split("/");
  const at = (name: string): string | undefined => {
    const index = pattern.split("/").indexOf(name);
    return index < 0 ? undefined : decoded(parts[index] ?? "");
  };
  return { tenant: at(":tenant"), id: at(":id") };
}

/** What is not well encoded has no name, and fits no form. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

function parsed(schema: z.ZodType, body: Buffer): unknown {
  let value: unknown;
  try {
    value = JSON.parse(body.length === 0 ? "{}" : body.toString("utf8"));
  } catch (error) {
    throw new Refusal(wrongBody([{ path: [], message: `it is no JSON: ${messageOf(error)}` }]));
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new Refusal(wrongBody(result.error.issues));
}

function refusalOf(error: unknown, { method, path }: Request, log: Log): Reply {
  if (error instanceof Refusal) return error.reply;
  if (error instanceof Refused) return forbidden();
  if (error instanceof TurnedAway) return tooMany(error.message, error.retryAfter);
  if (error instanceof Failure && error.kind === "reject") return conflict(error.message);
  // Why is for those who run this: it may name what is inside.
  log.warn({ err: error, method, path }, "an operator was not answered");
  return unavailable("It cannot be answered right now.");
}
