import { mayOperatePlatform } from "@saasaparilla/shared/auth/policies/authorize.ts";
import type { Origin } from "#sessions/cookie.ts";
import type { Session, Sessions } from "#sessions/sessions.ts";
import { PLATFORM_TENANT, type Scope } from "@saasaparilla/shared/auth/policies/schema.ts";
import { guarded } from "@saasaparilla/shared/http/body-guard.ts";
import { CallerGuard } from "@saasaparilla/shared/http/caller-guard.ts";
import type { KeyedLimiter } from "@saasaparilla/shared/rate-limits/keyed-limiter.ts";
import type { Written } from "@saasaparilla/shared/auth/audit-log.ts";
import { endingOf } from "@saasaparilla/shared/auth/audit-ending.ts";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { About } from "@saasaparilla/shared/auth/authenticator.ts";
import type { Known } from "@saasaparilla/shared/auth/asked.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { HttpServer } from "@saasaparilla/shared/http/server.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { isResponse, tooMany, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { readJson } from "@saasaparilla/shared/http/read-json.ts";
import {
  authenticateRequest,
  refusedCaller,
  type CallerAnswers,
} from "@saasaparilla/shared/auth/authenticate-request.ts";
import { bearer, TurnedAway, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Registry } from "@saasaparilla/shared/runtime/metrics.ts";
import { TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import { conflict, notAllowed, Refusal, unavailable, wrongBody, wrongPath } from "./responses.ts";

export interface Call {
  caller: Identity;
  request: Request;
  /** The session of a caller with a cookie. */
  session: Session | undefined;
  tenant: string;
  id: string;
  /** The named parts of the path. */
  names: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** The written changes, for the audit log. */
  written: Written[];
}

type OperatorScope = Extract<Scope, "operate" | "read">;

/** One operation for operators. Its permissions, its body and its answers are defined only here. */
export interface Route<Body = unknown> {
  method: "GET" | "PUT" | "POST" | "DELETE";
  /** With `:tenant`, and optionally `:id`; other named parts have the form of an id. */
  path: string;
  /** The form of `:id`. By default letters, digits, - and _. */
  isId?: (id: string) => boolean;
  needs: OperatorScope;
  /** A request with this member in its query needs `operate`. */
  operateQuery?: string;
  /**
   * The permitted operators: those of the tenant in the path and of the platform, of the platform only, or of any
   * tenant, where the handler decides about tenants.
   */
  of: "tenant" | "platform" | "anyone";
  /** The name of the operation for programs. By default it follows from method and path. */
  operation?: string;
  summary: string;
  body?: z.ZodType<Body>;
  query?: Record<string, string>;
  /** The answer of a success, and its schema. */
  status: 200 | 201 | 204;
  answer?: z.ZodType;
  handle(call: Call, body: Body): Promise<HttpResponse>;
}

/** A call in progress. */
interface Asked {
  route: Route;
  request: Request;
  call: Call;
}

/** Infers the type of a route's body from its schema. */
export function route<Body>(described: Route<Body>): Route {
  return described;
}

const ANSWERS: CallerAnswers = { forbidden: "Send a token or key that allows this." };
const BODY_BYTES = 64 << 10;
/** Names of groups, queues and clients have forms of their own, which the service that has them checks. */
const OTHER_NAME = /^[^/]{1,200}$/;
const isUsualId = (id: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(id);

export interface ServeParts {
  guard: Guard;
  /** Limits the request rate of a tenant's operators. */
  tenants: KeyedLimiter;
  sessions: Sessions;
  origin: Origin;
  registry: Registry;
  log: Log;
}

export function serveRoutes(server: HttpServer, routes: readonly Route[], parts: ServeParts): void {
  const { guard, registry } = parts;
  const known = new Map(routes.map((route) => [`${route.method.toLowerCase()} ${route.path}`, route]));
  const routeOf = (request: Request): Route => known.get(`${request.method} ${request.route}`)!;
  const callerGuard = new CallerGuard<Call>({
    registry,
    identify: (request) => callOf(routeOf(request), request, parts),
    refused: (request, call, response) => ended({ route: routeOf(request), request, call }, response, guard),
  });
  for (const route of routes) {
    const endpoint = guarded(callerGuard, (request, body, call) => handle({ route, request, call }, body, parts));
    if (route.method === "GET") server.get(route.path, endpoint);
    else if (route.method === "DELETE") server.delete(route.path, endpoint);
    else if (route.method === "PUT") server.put(route.path, BODY_BYTES, endpoint);
    else server.post(route.path, BODY_BYTES, endpoint);
  }
}

/** The caller is identified first. A caller without the right learns nothing, not even whether the tenant exists. */
async function callOf(route: Route, request: Request, parts: ServeParts): Promise<Call | HttpResponse> {
  const names = named(route.path, request.path);
  const { tenant, id } = names;
  // A name that no tenant can have belongs to no tenant. Only operators of the platform pass, and are told that it is
  // wrong.
  const reached = route.of === "platform" || tenant === undefined || !TENANT_FORM.test(tenant) ? "" : tenant;
  const found = await identified(route, request, route.of === "anyone" ? {} : { tenant: reached }, parts);
  if (isResponse(found)) return found;
  const call: Call = {
    ...found,
    request,
    tenant: tenant ?? "",
    id: id ?? "",
    names,
    query: request.query,
    written: [],
  };
  const refused = refusalBefore(route, call, parts.tenants);
  if (refused === undefined) return call;
  ended({ route, request, call }, refused, parts.guard);
  return refused;
}

function needsOf({ needs, operateQuery }: Route, { query }: Request): OperatorScope {
  return operateQuery !== undefined && query.has(operateQuery) ? "operate" : needs;
}

/** A request with an Authorization header never uses a cookie, so it needs no CSRF token. */
async function identified(
  route: Route,
  request: Request,
  about: About,
  { guard, sessions, origin }: ServeParts,
): Promise<Pick<Call, "caller" | "session"> | HttpResponse> {
  const needs = needsOf(route, request);
  const { authorization } = request.headers;
  const cookie = authorization === undefined ? origin.cookieOf(request.headers) : undefined;
  if (cookie === undefined) {
    const caller = await authenticateRequest(() => guard.pass(bearer(authorization), needs, request, about), ANSWERS);
    return isResponse(caller) ? caller : { caller, session: undefined };
  }
  let session: Session | undefined;
  let forged: string | undefined;
  const find = async (): Promise<Known | undefined> => {
    session = await sessions.find(cookie);
    forged = session && origin.forged(request, session);
    return session && forged === undefined ? { identity: session.identity } : undefined;
  };
  const caller = await authenticateRequest(
    () => guard.redeem(find, needs, request, { about, what: "session" }),
    ANSWERS,
  );
  if (!isResponse(caller)) return { caller, session };
  if (caller.status !== 403) return caller;
  return notAllowed(refusedSession(session, forged, needs, about));
}

/** A person who has signed in learns why. */
function refusedSession(
  session: Session | undefined,
  forged: string | undefined,
  needs: Scope,
  { tenant }: About,
): string {
  if (!session) return "Your session has ended. Sign in again.";
  if (forged !== undefined) return `The request was refused because ${forged}.`;
  const { subject, tenant: own, scopes } = session.identity;
  const reached = tenant === undefined ? "" : tenant === "" ? " for the whole platform" : ` for the tenant ${tenant}`;
  return `You are signed in as ${subject} of the tenant ${own}, with the scopes ${[...scopes].join(", ")}. This needs the scope ${needs}${reached}.`;
}

/** The refusals before the body is read. */
function refusalBefore(
  route: Route,
  { caller, request, tenant, id }: Call,
  tenants: KeyedLimiter,
): HttpResponse | undefined {
  // A tenant's operators must not use up the rate of a platform operator whose token names their tenant.
  const late = tenants.late(mayOperatePlatform(caller) ? PLATFORM_TENANT : caller.tenant, performance.now());
  if (late !== undefined) return tooMany("Your tenant's operators send too many requests.", late);
  if (route.path.includes("/:tenant") && !TENANT_FORM.test(tenant)) return wrongPath("tenant");
  const others = namedParts(route.path, request.path).filter(({ name }) => name !== "tenant" && name !== "id");
  const wrong = others.find(({ value }) => !OTHER_NAME.test(value));
  if (wrong) return wrongPath(wrong.name);
  if (route.path.includes("/:id") && !(route.isId ?? isUsualId)(id)) return wrongPath("id");
  return undefined;
}

async function handle(asked: Asked, body: Buffer, { guard, log }: ServeParts): Promise<HttpResponse> {
  const response = await answered(asked, body).catch((error: unknown) => refusalOf(error, asked.request, log));
  ended(asked, response, guard);
  return response;
}

async function answered({ route, call }: Asked, body: Buffer): Promise<HttpResponse> {
  return route.handle(call, route.body ? parsed(route.body, body) : undefined);
}

/** For requests that can change something or read a payload, the audit log also records the outcome. */
function ended({ route, request, call }: Asked, response: HttpResponse, guard: Guard): void {
  const needs = needsOf(route, request);
  if (needs !== "operate") return;
  // A created resource has its name only now.
  const made = response.headers?.location;
  const { method, path, address } = request;
  const written = made === undefined ? { method, path, address } : { method: "made", path: made, address };
  guard.ended(call.caller, needs, { ...written, route: route.path }, endingOf(response, call.written));
}

function namedParts(pattern: string, path: string): { name: string; value: string }[] {
  const parts = path.split("/");
  return pattern
    .split("/")
    .flatMap((part, at) => (part.startsWith(":") ? [{ name: part.slice(1), value: decoded(parts[at] ?? "") }] : []));
}

function named(pattern: string, path: string): Record<string, string> {
  return Object.fromEntries(namedParts(pattern, path).map(({ name, value }) => [name, value]));
}

/** A badly encoded part has no name, and fits no form. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

function parsed(schema: z.ZodType, body: Buffer): unknown {
  // An empty body must not become a document of defaults, which would reset the stored values.
  if (body.length === 0) throw new Refusal(wrongBody([{ path: [], message: `it is missing: ${expectation(schema)}` }]));
  const read = readJson(body);
  if ("wrong" in read) throw new Refusal(wrongBody([{ path: [], message: read.wrong }]));
  const result = schema.safeParse(read.value);
  if (result.success) return result.data;
  throw new Refusal(wrongBody(result.error.issues));
}

/** The body's requirements, in words. */
function expectation(schema: z.ZodType): string {
  const { required = [] } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as { required?: string[] };
  return required.length > 0
    ? `send a JSON object with ${required.join(", ")}`
    : "send a JSON object; {} uses every default";
}

function refusalOf(error: unknown, { method, path }: Request, log: Log): HttpResponse {
  if (error instanceof Refusal) return error.response;
  if (error instanceof Failure && error.kind === "reject") return conflict(error.message);
  // A token that a route examines can fail like a caller's token.
  if (error instanceof TurnedAway || (error instanceof Failure && error.retryAfter !== undefined))
    return refusedCaller(error, ANSWERS);
  // The reason is only for operators of the process, because it may name internals.
  log.warn({ err: error, method, path }, "an operator's request failed");
  return unavailable("The request cannot be answered right now.");
}
