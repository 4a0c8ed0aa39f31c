import {
  us_listen_socket_close,
  us_socket_local_port,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  type us_listen_socket,
} from "uWebSockets.js";
import { Askers } from "./askers.ts";
import { Callers, networkOf, plainAddress } from "./caller.ts";
import { messageOf } from "./errors.ts";
import type { Health } from "./health.ts";
import { readBody, type Cut, type Guard } from "./http-body.ts";
import type { Log } from "./log.ts";
import { appOf, listen } from "./listen.ts";
import { meters, type Registry } from "./metrics.ts";
import { Origins } from "./origins.ts";
import { isAmbiguous, linesOfHeader } from "./request-head.ts";
import {
  internalError,
  json,
  notAllowed,
  notFound,
  notThereYet,
  statusLine,
  tokenInQuery,
  unclear,
  type Reply,
} from "./reply.ts";
import type { serverSettings } from "./settings.ts";
import type { z } from "zod";

/** The HTTP server of every service. A request of uWebSockets.js lives only until its handler returns: it is copied here. */
export interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string>>;
  /** The peer's address as text. */
  readonly address: string;
  /** Called where the peer goes before it is answered. */
  onGone?: () => void;
}

export type Handler = (request: Request, body: Buffer) => Reply | Promise<Reply>;

export interface ServerOptions {
  health: Health;
  registry: Registry;
  log: Log;
  settings: z.output<typeof serverSettings>;
}

export class HttpServer {
  readonly app: TemplatedApp;
  /** Everything that is answered here, as "GET /v1/poll": a test tries each of them as somebody who may not. */
  readonly routes: string[] = [];
  /** Called where a token came in a query. */
  onExposed: ((request: Request) => void) | undefined;
  readonly #log: Log;
  readonly #bodyMs: number;
  readonly origins: Origins;
  readonly #callers: Callers;
  #toldOfProxy = false;
  readonly #cut: (reason: Cut) => void;
  readonly #forms: { method: string; form: RegExp }[] = [];
  #socket: us_listen_socket | undefined;

  constructor({ health, registry, log, settings }: ServerOptions) {
    this.app = appOf(settings);
    this.#log = log;
    this.#bodyMs = settings.BODY_MS;
    this.origins = new Origins(settings.ALLOWED_ORIGINS);
    this.#callers = new Callers(settings.TRUSTED_PROXIES);
    const turnedAway = meters(registry).tally(
      "http_sockets_refused_total",
      "Sockets closed at once, for too many came from their address.",
    );
    const newcomers = new Askers({ rate: settings.SOCKET_RATE, burst: settings.SOCKET_BURST });
    const watch = (response: HttpResponse, change: number): void => {
      // Of one that goes the library does not know any more where it came from: so they are counted as they come.
      if (change < 0) return;
      const address = addressOf(response);
      if (this.#callers.trusts(address) || newcomers.late(networkOf(address), performance.now()) === undefined) return;
      turnedAway();
      response.close();
    };
    this.app.filter(watch);
    const cut = meters(registry).counter(
      "http_bodies_refused_total",
      "Requests whose bodies were not read to their end, by reason.",
      "reason",
    );
    this.#cut = (reason) => cut.inc({ reason });
    this.get("/health/live", () => json(200, { live: true }));
    this.get("/health/ready", () => {
      const state = health.ready();
      return json(state.ready ? 200 : 503, state);
    });
    this.get("/health/serving", () => json(health.serving ? 200 : 503, { serving: health.serving }));
    this.get("/metrics", async () => ({
      status: 200,
      headers: { "content-type": registry.contentType },
      body: await registry.metrics(),
    }));
    this.app.any("/*", (response, request) => {
      if (this.#unclear(response, request)) return;
      const origin = request.getHeader("origin");
      if (request.getUrl().startsWith("/v1/") && !health.ready().ready) {
        this.send(response, origin, notThereYet());
        return;
      }
      const path = request.getUrl();
      const method = request.getMethod().toUpperCase();
      const allowed = this.#methodsOf(path);
      if (allowed.length === 0) this.send(response, origin, notFound(method, path));
      else if (method === "OPTIONS") send(response, this.origins.preflight(origin, allowed));
      else this.send(response, origin, notAllowed(method, path, allowed));
    });
  }

  /** What is answered by the library's own routes, is said here too: another method there is a 405. */
  route(method: string, path: string): void {
    this.routes.push(`${method} ${path}`);
    this.#forms.push({ method, form: new RegExp(`^${path.replaceAll(/:[^/]+/g, "[^/]+")}$`) });
  }

  /** Where a page of a site that may is to read it. */
  send(response: HttpResponse, origin: string | undefined, reply: Reply): void {
    send(response, { ...reply, headers: { ...reply.headers, ...this.origins.headers(origin ?? "") } });
  }

  get(path: string, handler: Handler): void {
    this.#withoutBody("get", path, handler);
  }

  delete(path: string, handler: Handler): void {
    this.#withoutBody("del", path, handler);
  }

  post(path: string, maxBytes: number, handler: Handler, guard?: Guard): void {
    this.#withBody("post", path, maxBytes, handler, guard);
  }

  put(path: string, maxBytes: number, handler: Handler, guard?: Guard): void {
    this.#withBody("put", path, maxBytes, handler, guard);
  }

  #withoutBody(method: "get" | "del", path: string, handler: Handler): void {
    this.route(method === "del" ? "DELETE" : "GET", path);
    this.app[method](path, (response, raw) => {
      const request = this.#copy(response, raw);
      const exposed = this.#exposed(request);
      if (exposed) this.send(response, request.headers.origin, exposed);
      else this.#run(response, request, Buffer.alloc(0), handler);
    });
  }

  #withBody(method: "post" | "put", path: string, maxBytes: number, handler: Handler, guard?: Guard): void {
    this.route(method.toUpperCase(), path);
    this.app[method](path, (response, raw) => {
      if (this.#unclear(response, raw)) return;
      const request = this.#copy(response, raw);
      const refused = this.#exposed(request) ?? guard?.admit(request);
      if (refused && !(refused instanceof Promise)) {
        this.send(response, request.headers.origin, refused);
        return;
      }
      readBody(response, request, {
        maxBytes,
        withinMs: this.#bodyMs,
        guard,
        refused,
        cut: this.#cut,
        answer: (reply) => this.send(response, request.headers.origin, reply),
        whole: (body, finish) => this.#run(response, request, body, handler, finish),
      });
    });
  }

  async listen(host: string, port: number): Promise<number> {
    this.#socket = await listen(this.app, host, port);
    return us_socket_local_port(this.#socket);
  }

  /** No new connections; those that are open go on. */
  stopListening(): void {
    if (this.#socket) us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  close(): void {
    this.app.close();
  }

  /** Answers where it is not certain where the request ends. */
  #unclear(response: HttpResponse, request: HttpRequest): boolean {
    if (!isAmbiguous(request)) return false;
    this.#cut("unclear");
    this.send(response, request.getHeader("origin"), unclear());
    return true;
  }

  #copy(response: HttpResponse, request: HttpRequest): Request {
    const headers: Record<string, string> = {};
    request.forEach((name, value) => (headers[name] = value));
    return { ...linesOf(request), headers, address: this.#callerOf(response, request) };
  }

  /** Only these headers, in lower case; and the address is to be asked for in the turn of the request: where many are turned away, mostly nobody does. */
  copyPart(response: HttpResponse, request: HttpRequest, names: readonly string[]): Request {
    const headers: Record<string, string> = {};
    for (const name of names) {
      const value = request.getHeader(name);
      if (value !== "") headers[name] = value;
    }
    const caller = (): string => this.#callerOf(response, request);
    let known: string | undefined;
    return {
      ...linesOf(request),
      headers,
      get address() {
        return (known ??= caller());
      },
    };
  }

  #callerOf(response: HttpResponse, request: HttpRequest): string {
    const peer = addressOf(response);
    if (!this.#toldOfProxy && !this.#callers.trusts(peer) && request.getHeader("x-forwarded-for") !== "") {
      this.#toldOfProxy = true;
      this.#log.warn(
        { address: peer },
        "a request came with X-Forwarded-For from an address that is not in TRUSTED_PROXIES: everybody behind it counts as one",
      );
    }
    return this.#callers.of(peer, () => linesOfHeader(request, "x-forwarded-for").join(","));
  }

  /** Whether the token that is in the query, or another one, is good: nobody looks. */
  #exposed(request: Request): Reply | undefined {
    const reply = tokenInQuery(request.query);
    if (reply) this.onExposed?.(request);
    return reply;
  }

  #methodsOf(path: string): string[] {
    return this.#forms.flatMap(({ method, form }) => (form.test(path) ? [method] : []));
  }

  #run(response: HttpResponse, request: Request, body: Buffer, handler: Handler, finish?: () => void): void {
    let aborted = false;
    response.onAborted(() => {
      aborted = true;
      request.onGone?.();
    });
    const answer = (reply: Reply): void => {
      finish?.();
      if (!aborted) response.cork(() => this.send(response, request.headers.origin, reply));
    };
    try {
      const reply = handler(request, body);
      if (!(reply instanceof Promise)) {
        answer(reply);
        return;
      }
      reply.then(answer).catch((error: unknown) => answer(this.#failed(request, error)));
    } catch (error) {
      answer(this.#failed(request, error));
    }
  }

  #failed(request: Request, error: unknown): Reply {
    this.#log.error(
      { err: error, method: request.method, path: request.path },
      `a handler failed: ${messageOf(error)}`,
    );
    return internalError();
  }
}

function linesOf(request: HttpRequest): Pick<Request, "method" | "path" | "query"> {
  return { method: request.getMethod(), path: request.getUrl(), query: new URLSearchParams(request.getQuery()) };
}

function addressOf(response: HttpResponse): string {
  return plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString("latin1"));
}

export function send(response: HttpResponse, { status, headers = {}, body = "", close = false }: Reply): void {
  response.writeStatus(statusLine(status));
  for (const name in headers) response.writeHeader(name, headers[name]!);
  response.end(body, close);
}
