import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket } from "uWebSockets.js";
import { BaseServer, type Route, type ServerOptions } from "@saasaparilla/shared/base-server.ts";
import { plainAddress } from "@saasaparilla/shared/networks.ts";
import { Body } from "@saasaparilla/shared/http-body.ts";
import type { Request } from "@saasaparilla/shared/http.ts";
import { statusLine, type Reply } from "@saasaparilla/shared/reply.ts";
import { appOf, listen } from "./listen.ts";
import { readHead } from "./request-head.ts";
import { us_listen_socket_close, us_socket_local_port } from "./socket-library.ts";

/** The server of what stays open: WebSockets, streams and long polls. A request of the library lives only until its handler returns: it is copied here. */
export class SocketServer extends BaseServer {
  readonly app: TemplatedApp;
  #socket: us_listen_socket | undefined;

  constructor(options: ServerOptions) {
    super(options);
    this.app = appOf(options.settings);
    const watch = (response: HttpResponse, change: number): void => {
      // Of a socket that goes the library no longer knows the address: sockets are counted as they come.
      if (change > 0 && this.tooMany(addressOf(response))) response.close();
    };
    this.app.filter(watch);
    this.serveHealth(options.registry);
    this.app.any("/*", (response, raw) => {
      const headers = this.check(response, raw);
      if (!headers) return;
      const origin = headers.origin ?? "";
      this.send(response, origin, this.unrouted(raw.getMethod().toUpperCase(), raw.getUrl(), origin));
    });
  }

  /** A route that the library serves by itself is named here too: another method there is a 405. */
  route(method: string, path: string): void {
    this.router.add(method, path, undefined);
  }

  /** With the headers that let a page of an allowed site read it. */
  send(response: HttpResponse, origin: string | undefined, reply: Reply): void {
    send(response, { ...reply, headers: { ...reply.headers, ...this.origins.headers(origin ?? "") } });
  }

  protected serve(route: Route): void {
    const { method, pattern } = route;
    this.router.add(method.toUpperCase(), pattern, route);
    this.app[ROUTERS[method]!](pattern, (response, raw) => {
      const headers = this.check(response, raw);
      if (!headers) return;
      // With its address, which cannot be asked for later.
      const request = { ...this.copy(response, raw, headers, pattern) };
      const refused = this.exposed(request) ?? this.admitted(route.guard, request);
      if (refused && !(refused instanceof Promise)) this.#refuse(response, request, refused);
      else if (method === "get") this.#run(response, request, route, EMPTY);
      else this.#body(response, request, route, refused);
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

  /**
   * The headers of a request, of each route, WebSockets too; or undefined where its end is uncertain, and the connection is closed. That answer comes
   * in a later turn: behind an answer the library handles the next request of the same packet, and while one is awaited it closes the socket instead.
   */
  check(response: HttpResponse, raw: HttpRequest): Record<string, string> | undefined {
    const headers: Record<string, string> = {};
    const refused = readHead(raw, headers);
    if (!refused) return headers;
    this.cut("unclear");
    let gone = false;
    response.onAborted(() => (gone = true));
    setImmediate(() => {
      if (!gone) response.cork(() => this.send(response, headers.origin, refused));
    });
    return undefined;
  }

  /** The address is to be asked for in the turn of the request: where many are turned away, mostly it is not needed. */
  copy(response: HttpResponse, raw: HttpRequest, headers: Record<string, string>, route: string): Request {
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

  /** Without its body. One that came whole, mostly in the packet of the head, does not cost its sender the connection. */
  #refuse(response: HttpResponse, request: Request, reply: Reply): void {
    const { method, headers } = request;
    if (method === "get") {
      this.send(response, headers.origin, reply);
      return;
    }
    let [gone, whole] = [false, false];
    response.onAborted(() => (gone = true));
    response.onData((_, last) => (whole ||= last));
    setImmediate(() => {
      if (!gone) response.cork(() => this.send(response, headers.origin, whole ? reply : { ...reply, close: true }));
    });
  }

  #body(response: HttpResponse, request: Request, route: Route, refused: Promise<Reply | undefined> | undefined): void {
    const body = new Body({
      request,
      maxBytes: route.maxBytes,
      withinMs: this.bodyMs,
      guard: route.guard,
      cut: this.cut,
      refuse: (reply) => response.cork(() => this.send(response, request.headers.origin, { ...reply, close: true })),
      whole: (bytes) => this.#run(response, request, route, bytes, body),
    });
    response.onAborted(() => body.gone());
    void refused?.then((late) => setImmediate(() => body.decided(late)));
    response.onData((chunk, last) => {
      if (body.over) return;
      // The library uses the memory again.
      body.add(Buffer.from(chunk.slice(0)));
      if (last) body.end();
      else body.wait();
    });
  }

  #run(response: HttpResponse, request: Request, route: Route, bytes: Buffer, body?: Body): void {
    let aborted = false;
    response.onAborted(() => {
      aborted = true;
      request.onGone?.();
    });
    const answer = (reply: Reply): void => {
      body?.finish();
      if (!aborted) response.cork(() => this.send(response, request.headers.origin, reply));
    };
    try {
      const reply = route.handler(request, bytes);
      if (reply instanceof Promise) reply.then(answer).catch((error: unknown) => answer(this.failed(request, error)));
      else answer(reply);
    } catch (error) {
      answer(this.failed(request, error));
    }
  }
}

const EMPTY = Buffer.alloc(0);
const ROUTERS: Record<string, "get" | "post" | "put" | "del"> = { get: "get", post: "post", put: "put", delete: "del" };

function addressOf(response: HttpResponse): string {
  return plainAddress(Buffer.from(response.getRemoteAddressAsText()).toString("latin1"));
}

export function send(response: HttpResponse, { status, headers = {}, body = "", close = false }: Reply): void {
  response.writeStatus(statusLine(status));
  for (const name in headers) response.writeHeader(name, headers[name]!);
  response.end(body, close);
}
