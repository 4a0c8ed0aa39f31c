import type { HttpRequest, HttpResponse as UwsResponse, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { BaseServer, guardOf, type Route, type ServerOptions } from "@saasaparilla/shared/http/base-server.ts";
import type { Admitted } from "@saasaparilla/shared/http/body-guard.ts";
import { plainAddress } from "@saasaparilla/shared/http/networks.ts";
import { named } from "@saasaparilla/shared/http/refused-request.ts";
import { Body } from "@saasaparilla/shared/http/request-body.ts";
import type { Handler, Request } from "@saasaparilla/shared/http/request.ts";
import { isResponse, statusLine, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { appOf, listen } from "./listen.ts";
import { readHead } from "./request-head.ts";
import type { DistributorSettings } from "#settings.ts";
import { us_listen_socket_close, us_socket_local_port } from "./socket-library.ts";

export interface SocketServerOptions extends ServerOptions {
  settings: ServerOptions["settings"] & Pick<DistributorSettings, "KEEP_ALIVE">;
}

/**
 * The server of open connections: WebSockets, streams and long polls. The library's request is valid only until its
 * handler returns, so it is copied here.
 */
interface Running {
  response: UwsResponse;
  request: Request;
  route: Route;
  admission: Admitted | Promise<Admitted | HttpResponse> | undefined;
  body?: Body;
}

/** The parts of a request that its answer needs. */
type Answered = Pick<Request, "method" | "path" | "headers" | "tenant">;

export class SocketServer extends BaseServer {
  readonly app: TemplatedApp;
  readonly #keepAlive: boolean;
  #socket: us_listen_socket | undefined;

  constructor(options: SocketServerOptions) {
    super(options);
    this.#keepAlive = options.settings.KEEP_ALIVE;
    this.app = appOf(options.settings);
    const watch = (response: UwsResponse, change: number): void => {
      // The library no longer knows the address of a closing socket, so sockets are counted as they open.
      if (change > 0 && this.tooMany(addressOf(response))) response.close();
    };
    this.app.filter(watch);
    this.serveCommon(options.registry);
    this.app.any("/*", (response, raw) => {
      const headers = this.check(response, raw);
      if (!headers) return;
      const origin = headers.origin ?? "";
      const method = raw.getMethod();
      const path = raw.getUrl();
      this.send(response, { method, path, headers }, this.unrouted(method.toUpperCase(), path, origin));
    });
  }

  /** HEAD of a route whose GET the library serves. It answers like a GET, and opens nothing. */
  head(path: string, handler: Handler): void {
    const route = { method: "get", pattern: path, maxBytes: 0, endpoint: handler };
    this.app.head(path, (response, raw) => this.#handle(response, raw, route));
  }

  /** Also names a route that the library serves, so that another method there is a 405. */
  route(method: string, path: string): void {
    this.router.add(method, path, undefined);
  }

  /** Adds the headers of every answer. The answer to HEAD has no body. */
  send(response: UwsResponse, request: Answered, answer: HttpResponse): void {
    const { method, headers } = request;
    const reply = answer.problem === undefined ? answer : named(request, answer, this.onRefused);
    const close = reply.close || !this.#keepAlive;
    const shown = this.cors.headers(headers["origin"] ?? "");
    send(response, { ...reply, headers: { ...reply.headers, ...shown }, close }, method === "head");
  }

  protected serve(route: Route): void {
    const { method, pattern } = route;
    this.router.add(method.toUpperCase(), pattern, route);
    this.app[ROUTERS[method]!](pattern, (response, raw) => this.#handle(response, raw, route));
    if (method !== "get") return;
    const head = { ...route, endpoint: route.head ?? route.endpoint };
    this.app.head(pattern, (response, raw) => this.#handle(response, raw, head));
  }

  #handle(response: UwsResponse, raw: HttpRequest, route: Route): void {
    const headers = this.check(response, raw);
    if (!headers) return;
    // With its address, which is not available later.
    const request = { ...this.copy(response, raw, headers, route.pattern) };
    const admission = this.exposed(request) ?? this.admitted(guardOf(route.endpoint), request);
    if (admission && isResponse(admission)) this.#refuse(response, request, route, admission);
    else if (route.method === "get") this.#run({ response, request, route, admission }, EMPTY);
    else this.#body({ response, request, route, admission });
  }

  async listen(host: string, port: number): Promise<number> {
    this.#socket = await listen(this.app, host, port);
    return us_socket_local_port(this.#socket);
  }

  /** Accepts no new connections. Open ones continue. */
  stopListening(): void {
    if (this.#socket) us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  close(): void {
    this.app.close();
  }

  /**
   * The headers of a request, for each route, including WebSockets. Undefined if the end of the request is uncertain;
   * then the connection is closed. That answer comes in a later turn: after an answer, the library handles the next
   * request of the same packet. While an answer is pending, it closes the socket instead.
   */
  check(response: UwsResponse, raw: HttpRequest): Record<string, string> | undefined {
    const headers: Record<string, string> = {};
    const refused = readHead(raw, headers);
    if (!refused) return headers;
    const [method, path] = [raw.getMethod(), raw.getUrl()];
    this.cut("unclear");
    let gone = false;
    response.onAborted(() => (gone = true));
    setImmediate(() => {
      if (!gone) response.cork(() => this.send(response, { method, path, headers }, refused));
    });
    return undefined;
  }

  /**
   * Ask for the address in the turn of the request. It is read on demand, because most rejected requests do not need
   * it.
   */
  copy(response: UwsResponse, raw: HttpRequest, headers: Record<string, string>, route: string): Request {
    const caller = (): string => this.callerOf(addressOf(response), () => headers["x-forwarded-for"]);
    let known: string | undefined;
    return {
      method: raw.getMethod(),
      path: raw.getUrl(),
      route,
      query: new URLSearchParams(raw.getQuery()),
      headers,
      get address() {
        return (known ??= caller());
      },
    };
  }

  /**
   * Answers without the request's body. If the body arrived whole, mostly in the packet of the head, the connection
   * stays open.
   */
  #refuse(response: UwsResponse, request: Request, route: Route, reply: HttpResponse): void {
    if (route.method === "get") {
      this.send(response, request, reply);
      return;
    }
    let [gone, whole] = [false, false];
    response.onAborted(() => (gone = true));
    response.onData((_, last) => (whole ||= last));
    setImmediate(() => {
      if (!gone) response.cork(() => this.send(response, request, whole ? reply : { ...reply, close: true }));
    });
  }

  #body({ response, request, route, admission }: Running): void {
    const body = new Body({
      request,
      maxBytes: route.maxBytes,
      withinMs: this.bodyMs,
      guard: guardOf(route.endpoint),
      admitted: admission instanceof Promise ? undefined : admission,
      cut: this.cut,
      refuse: (reply) => response.cork(() => this.send(response, request, { ...reply, close: true })),
      whole: (bytes) => this.#run({ response, request, route, admission: decision, body }, bytes),
    });
    response.onAborted(() => body.gone());
    const decision =
      admission instanceof Promise
        ? admission.then((late) => {
            const decided = body.decided(late);
            if (isResponse(decided)) setImmediate(() => body.refuseIncomplete(decided));
            return decided;
          })
        : admission;
    response.onData((chunk, last) => {
      if (body.over) return;
      // The library reuses the memory.
      body.add(Buffer.from(chunk.slice(0)));
      if (last) body.end();
      else body.wait();
    });
  }

  #run({ response, request, route, admission, body }: Running, bytes: Buffer): void {
    let aborted = false;
    response.onAborted(() => {
      aborted = true;
      request.onGone?.();
    });
    const answer = (reply: HttpResponse): void => {
      body?.finish();
      if (!aborted) response.cork(() => this.send(response, request, reply));
    };
    try {
      const response =
        admission instanceof Promise
          ? admission.then((late) => this.handled(route, request, bytes, late))
          : this.handled(route, request, bytes, admission);
      if (response instanceof Promise)
        response.then(answer).catch((error: unknown) => answer(this.failed(request, error)));
      else answer(response);
    } catch (error) {
      answer(this.failed(request, error));
    }
  }
}

const EMPTY = Buffer.alloc(0);
const ROUTERS: Record<string, "get" | "post" | "put" | "del"> = { get: "get", post: "post", put: "put", delete: "del" };

function addressOf(response: UwsResponse): string {
  return plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString("latin1"));
}

/** `head`: the request was HEAD, so the answer has no body. */
export function send(
  response: UwsResponse,
  { status, headers = {}, body, close = false }: HttpResponse,
  head: boolean,
): void {
  const ends = close && headers["connection"] === undefined;
  response.writeStatus(statusLine(status));
  for (const name in headers) response.writeHeader(name, headers[name]!);
  const empty = status === 204 || status === 304;
  if (!head && !empty) {
    response.end(body ?? "", ends);
    return;
  }
  if (body !== undefined && !empty) response.writeHeader("content-length", String(Buffer.byteLength(body)));
  if (ends) endByHand(response);
  else response.endWithoutBody();
}

/**
 * The library cannot close after an answer without a body. `endWithoutBody` with a length never ends the answer, and
 * the process ends if no abort handler is attached. `end` would send `Content-Length: 0`. So we write the empty line
 * that ends the head, and close the socket after the flush.
 */
function endByHand(response: UwsResponse): void {
  let gone = false;
  response.onAborted(() => (gone = true));
  response.writeHeader("connection", "close\r\n");
  setImmediate(() => {
    if (!gone) response.close();
  });
}
