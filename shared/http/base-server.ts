import type { z } from "zod";
import { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";
import { ClientAddresses, networkOf } from "./client-address.ts";
import { messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { Admission, Admitted, BodyGuard, Endpoint } from "./body-guard.ts";
import type { Cut } from "./request-body.ts";
import type { ConnectionCut } from "./connection.ts";
import type { Handler, Request } from "./request.ts";
import type { OnRefused } from "./refused-request.ts";
import type { Log } from "#runtime/log.ts";
import { scrape } from "#runtime/scrape.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { Cors } from "./allowed-origins.ts";
import { problemPage } from "#http/openapi/pages.ts";
import {
  encoded,
  internalError,
  isResponse,
  json,
  notAllowed,
  notFound,
  notThereYet,
  tokenInQuery,
  type HttpResponse,
} from "./response.ts";
import { isIdentity } from "./encoding.ts";
import { EVERY_METHOD, Router, withHead } from "./router.ts";
import type { serverSettings } from "./settings.ts";

export interface ServerOptions {
  health: Health;
  registry: Registry;
  log: Log;
  settings: z.output<typeof serverSettings>;
}

export interface Route {
  /** In lower case, as in logs and in the audit log. */
  method: string;
  /** For example /v1/tenants/:tenant. */
  pattern: string;
  maxBytes: number;
  endpoint: Endpoint;
  /** Answers HEAD instead of the endpoint and its guard, for a GET that opens something. */
  head?: Handler | undefined;
}

/** A GET or HEAD that no route matches. */
export type SiteRequest = Pick<Request, "method" | "path" | "headers">;

/** Routes of the services begin like this. They are added at the end of a service's start. */
const API = /^\/(?:v1|api)\//;

/** A GET or a DELETE has no use for a body, so a larger one is refused. */
const IGNORED_BYTES = 1_024;

/** The common part of the HTTP servers of all services, independent of the parser. */
export abstract class BaseServer {
  readonly cors: Cors;
  /** Called when a token came in a query. */
  onExposed: ((request: Request) => void) | undefined;
  /** Without it, refusals have no names. */
  onRefused: OnRefused | undefined;
  /** Pages for browsers, at paths that no route matches. */
  site: ((request: SiteRequest) => HttpResponse | undefined) | undefined;
  protected readonly log: Log;
  protected readonly bodyMs: number;
  protected readonly router = new Router<Route | undefined>();
  /** Counts a request that is not read to its end. */
  protected readonly cut: (reason: Cut) => void;
  /** Counts a connection that ends before its peer ends it. */
  protected readonly cutConnection: (reason: ConnectionCut) => void;
  readonly #health: Health;
  readonly #clientAddresses: ClientAddresses;
  readonly #newcomers: KeyedLimiter;
  readonly #turnedAway: () => void;
  #toldOfProxy = false;
  #toldOfHops = false;

  constructor({ health, registry, log, settings }: ServerOptions) {
    this.log = log;
    this.bodyMs = settings.BODY_MS;
    this.cors = new Cors(settings.ALLOWED_ORIGINS);
    this.#health = health;
    this.#clientAddresses = new ClientAddresses(settings.TRUSTED_PROXIES, settings.PROXY_HOPS);
    this.#newcomers = new KeyedLimiter({ rate: settings.SOCKET_RATE, burst: settings.SOCKET_BURST });
    this.#turnedAway = meters(registry).tally(
      "http_sockets_refused_total",
      "Sockets closed at once because their address opened too many.",
    );
    const cut = meters(registry).counter(
      "http_bodies_refused_total",
      "Requests that were not read completely, by reason.",
      "reason",
    );
    this.cut = (reason) => cut.inc({ reason });
    const connections = meters(registry).counter(
      "http_connections_cut_total",
      "Connections that reached a limit, by reason: waiting requests, or bytes read after the last response.",
      "reason",
    );
    this.cutConnection = (reason) => connections.inc({ reason });
  }

  /** Every route, for example "GET /v1/poll". A test tries each of them without the right to use it. */
  get routes(): string[] {
    return this.router.names;
  }

  get(path: string, endpoint: Endpoint, head?: Handler): void {
    this.serve({ method: "get", pattern: path, maxBytes: IGNORED_BYTES, endpoint, head });
  }

  delete(path: string, endpoint: Endpoint): void {
    this.serve({ method: "delete", pattern: path, maxBytes: IGNORED_BYTES, endpoint });
  }

  post(path: string, maxBytes: number, endpoint: Endpoint): void {
    this.serve({ method: "post", pattern: path, maxBytes, endpoint });
  }

  put(path: string, maxBytes: number, endpoint: Endpoint): void {
    this.serve({ method: "put", pattern: path, maxBytes, endpoint });
  }

  protected abstract serve(route: Route): void;

  /** Health, metrics and the pages of all problems. Every service has them from its start. */
  protected serveCommon(registry: Registry): void {
    this.get("/health/live", () => json(200, { live: true }));
    this.get("/health/ready", () => {
      const state = this.#health.ready();
      return json(state.ready ? 200 : 503, state);
    });
    this.get("/health/serving", () => json(this.#health.serving ? 200 : 503, { serving: this.#health.serving }));
    this.get("/metrics", async ({ headers }) => {
      const { contentType, body } = await scrape(registry, headers.accept);
      return { status: 200, headers: { "content-type": contentType, vary: "accept" }, body };
    });
    this.get("/problems/:name", problemPage);
  }

  /** The answer if no route matches. */
  protected unrouted(method: string, path: string, origin: string): HttpResponse {
    const known = withHead(path === "*" ? this.#methods() : this.router.methodsOf(path));
    const early = API.test(path) && !this.#health.ready().ready;
    // A page cannot read the 503 if its preflight failed.
    const allowed = early && known.length === 0 && method === "OPTIONS" && origin !== "" ? EVERY_METHOD : known;
    if (early && (method !== "OPTIONS" || allowed.length === 0)) return notThereYet();
    if (allowed.length === 0) return notFound(method, path);
    return method === "OPTIONS" ? this.cors.preflight(origin, allowed) : notAllowed(method, path, allowed);
  }

  /** The answer if the query has a token. The token is not checked. */
  protected exposed(request: Request): HttpResponse | undefined {
    const response = tokenInQuery(request.query);
    if (response) this.onExposed?.(request);
    return response;
  }

  /** Whether its address opened too many sockets. Sockets are counted on arrival: a closed one has no known address. */
  protected tooMany(address: string): boolean {
    if (this.#clientAddresses.trusts(address)) return false;
    if (this.#newcomers.late(networkOf(address), performance.now()) === undefined) return false;
    this.#turnedAway();
    return true;
  }

  /** The caller's address, as plain text. `forwarded`: all lines of X-Forwarded-For, joined by commas. */
  protected callerOf(peer: string, forwarded: () => string | undefined): string {
    if (!this.#toldOfProxy && !this.#clientAddresses.trusts(peer) && forwarded()) {
      this.#toldOfProxy = true;
      this.log.warn(
        { address: peer },
        "ignored X-Forwarded-For from an address that is not in TRUSTED_PROXIES: all clients behind it count as one",
      );
    }
    const caller = this.#clientAddresses.of(peer, forwarded);
    if (!this.#toldOfHops && caller !== peer && this.#clientAddresses.trusts(caller)) {
      this.#toldOfHops = true;
      this.log.warn(
        { address: caller },
        "a caller's address is in TRUSTED_PROXIES: if it is another of your proxies, set PROXY_HOPS to the number of proxies that a request passes through",
      );
    }
    return caller;
  }

  /** The guard's decision. A guard that fails admits nothing. */
  protected admitted(guard: BodyGuard | undefined, request: Request): Admission | undefined {
    const failed = (error: unknown): HttpResponse => this.failed(request, error);
    try {
      const decision = guard?.admit(request);
      return decision instanceof Promise ? decision.catch(failed) : decision;
    } catch (error) {
      return failed(error);
    }
  }

  protected failed({ method, path }: Pick<Request, "method" | "path">, error: unknown): HttpResponse {
    this.log.error({ err: error, method, path }, `a handler failed: ${messageOf(error)}`);
    return internalError();
  }

  /** The handler's answer, if the request is admitted and handlers read this body. */
  protected handled(
    { endpoint }: Route,
    request: Request,
    body: Buffer,
    admitted: Admitted | HttpResponse | undefined,
  ): HttpResponse | Promise<HttpResponse> {
    if (admitted && isResponse(admitted)) return admitted;
    const guard = guardOf(endpoint);
    const encoding = request.headers["content-encoding"];
    if (body.length === 0 || guard?.checksEncoding || isIdentity(encoding))
      return typeof endpoint === "function" ? endpoint(request, body) : endpoint.handler(request, body, admitted!);
    const response = encoded(encoding!);
    guard?.refused?.(request, admitted!, response);
    return response;
  }

  #methods(): string[] {
    return [...new Set(this.router.names.map((name) => name.split(" ")[0]!))].filter((method) => method !== "WS");
  }
}

export function guardOf(endpoint: Endpoint): BodyGuard | undefined {
  return typeof endpoint === "function" ? undefined : endpoint.guard;
}
