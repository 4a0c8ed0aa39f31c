import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { z } from "zod";
import { BaseServer, guardOf, type Route, type ServerOptions } from "./base-server.ts";
import type { Admitted } from "./body-guard.ts";
import { plainAddress } from "./networks.ts";
import { Body } from "./request-body.ts";
import { Connection, type Exchange, type Handling } from "./connection.ts";
import { framingOf, targetOf } from "./request-framing.ts";
import { named } from "./refused-request.ts";
import { NodeRequest, unread } from "./node-request.ts";
import { asksHead, endsConnection, parserRefusal, type ParserError } from "./node-parser.ts";
import { NodeStreams } from "./node-stream.ts";
import { listenOn, serverOf } from "./node-server.ts";
import type { nodeServerSettings } from "./settings.ts";
import { expectationFailed, isResponse, notAllowed, notThereYet, slowHead, type HttpResponse } from "./response.ts";

export interface NodeServerOptions extends ServerOptions {
  settings: z.output<typeof nodeServerSettings>;
}

/** A slow handler has this time, even if idle connections end sooner. */
const LEAST_SILENCE_MS = 75_000;
/** At shutdown, a body that is still arriving after this time is refused. */
const ARRIVE_MS = 1_000;
/** At shutdown, connections with unfinished or unflushed answers get this time. */
const CLOSE_MS = 5_000;

const EMPTY = Buffer.alloc(0);
const CONNECTION = Symbol("connection");
type Known = Socket & { [CONNECTION]?: Connection };

/** The HTTP server of each service that changes something. It uses Node's parser, and every answer is its own. */
export class HttpServer extends BaseServer {
  readonly #server: Server;
  readonly #headMs: number;
  readonly #handling: Handling;
  readonly #connections = new Set<Connection>();
  readonly #streams = new NodeStreams();
  #closing = false;
  #allClosed: (() => void) | undefined;

  constructor(options: NodeServerOptions) {
    super(options);
    this.#headMs = options.settings.HEAD_MS;
    this.#handling = {
      headMs: this.#headMs,
      start: (exchange) => this.#handle(exchange),
      gone: (exchange) => this.#gone(exchange),
      late: (connection) => this.#late(connection),
      cut: this.cutConnection,
      closed: (connection) => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allClosed?.();
      },
    };
    this.#server = serverOf(options.settings);
    Object.assign(this.#server, {
      // Without it, a half-closed connection loses the answer to an accepted request.
      httpAllowHalfOpen: true,
      // Node calls it when the server closes. It counts a connection with an unflushed answer as idle.
      closeIdleConnections: () => {},
    });
    this.#server.maxHeadersCount = 0;
    // Time without a byte, also while an answer is awaited.
    this.#server.timeout = Math.max(LEAST_SILENCE_MS, options.settings.KEEP_ALIVE_MS);
    this.#server
      .on("connection", (socket: Socket) => {
        if (this.tooMany(plainAddress(socket.remoteAddress ?? ""))) socket.destroy();
      })
      .on(this.#server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
        if (this.#closing) socket.destroy();
        else if (!socket.destroyed) this.#connectionOf(socket);
      })
      .on("request", (req: IncomingMessage, res: ServerResponse) => this.#came(req, res, "nothing"))
      .on("checkContinue", (req: IncomingMessage, res: ServerResponse) => this.#came(req, res, "continue"))
      .on("checkExpectation", (req: IncomingMessage, res: ServerResponse) => this.#came(req, res, "unknown"))
      .on("connect", (req: IncomingMessage, socket: Socket) => {
        socket.on("error", () => {});
        const response = notAllowed("CONNECT", req.url ?? "", ["GET", "POST"]);
        this.#connectionOf(socket).fail(this.#shown(response, req.headers.origin));
      })
      .on("clientError", (error: ParserError, socket: Socket) => this.#malformed(error, socket));
    this.serveCommon(options.registry);
  }

  protected serve(route: Route): void {
    this.router.add(route.method.toUpperCase(), route.pattern, route);
  }

  /** Port 0: any free port. Throws a `fatal` if the port is in use. */
  listen(host: string, port: number): Promise<number> {
    return listenOn(this.#server, host, port);
  }

  /** Accepts no new connections and closes idle ones. Each later answer ends its connection. */
  stopListening(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#server.close();
    this.#streams.end();
    for (const connection of this.#connections) connection.end();
    setTimeout(() => {
      for (const { current } of this.#connections) current?.body?.refuseIncomplete(notThereYet());
    }, ARRIVE_MS);
  }

  /** Waits until the other connections have answered and their peers have read the answers. */
  async close(): Promise<void> {
    this.stopListening();
    if (this.#connections.size > 0) {
      const timer = setTimeout(() => this.#allClosed?.(), CLOSE_MS);
      await new Promise<void>((resolve) => (this.#allClosed = resolve));
      clearTimeout(timer);
    }
    this.#server.closeAllConnections();
  }

  #connectionOf(socket: Known): Connection {
    if (socket[CONNECTION]) return socket[CONNECTION];
    const connection = new Connection(socket, this.#handling);
    this.#connections.add(connection);
    return (socket[CONNECTION] = connection);
  }

  #came(req: IncomingMessage, res: ServerResponse, expects: Exchange["expects"]): void {
    const connection = this.#connectionOf(req.socket);
    connection.add({
      req,
      res,
      connection,
      expects,
      body: undefined,
      request: undefined,
      broken: undefined,
      answered: false,
    });
  }

  #handle(exchange: Exchange): void {
    const { req, connection, broken } = exchange;
    const hasBody = broken ?? framingOf(req);
    if (typeof hasBody === "object") {
      if (!broken) this.cut("unclear");
      this.#answer(exchange, hasBody);
      return;
    }
    const target = targetOf(req.url!, req.method!);
    if ("status" in target) {
      this.#refuse(exchange, hasBody, target);
      return;
    }
    if (exchange.expects === "unknown") {
      this.#refuse(exchange, hasBody, expectationFailed());
      return;
    }
    const method = req.method!;
    const { path } = target;
    const found = this.router.find(method === "HEAD" ? "GET" : method, path);
    const route = method === "HEAD" && found?.head ? { ...found, endpoint: found.head } : found;
    if (!route) {
      const headers = req.headers as Record<string, string>;
      const page = method === "GET" || method === "HEAD" ? this.site?.({ method, path, headers }) : undefined;
      this.#refuse(exchange, hasBody, page ?? this.unrouted(method, path, req.headers.origin ?? ""));
      return;
    }
    const request = new NodeRequest(route, target, req, () =>
      this.callerOf(connection.address, () => req.headers["x-forwarded-for"] as string | undefined),
    );
    exchange.request = request;
    const guard = guardOf(route.endpoint);
    const admission = (target.search === "" ? undefined : this.exposed(request)) ?? this.admitted(guard, request);
    if (admission instanceof Promise) void admission.then((late) => this.#decided(exchange, route, hasBody, late));
    else if (admission && isResponse(admission)) this.#refuse(exchange, hasBody, admission);
    else if (!guard && !hasBody) this.#run(exchange, route, EMPTY, undefined);
    else this.#read(exchange, route, hasBody, admission);
  }

  /** The guard's decision came late. No body was read, so an unknown caller takes no memory from known ones. */
  #decided(exchange: Exchange, route: Route, hasBody: boolean, admission: Admitted | HttpResponse): void {
    const { request, broken, answered } = exchange;
    if (isResponse(admission)) this.#refuse(exchange, hasBody, admission);
    else if (!broken && !answered) this.#read(exchange, route, hasBody, admission);
    else {
      guardOf(route.endpoint)?.release(request!, admission, 0, broken);
      if (broken) this.#refuse(exchange, hasBody, broken);
    }
  }

  #read(exchange: Exchange, route: Route, hasBody: boolean, admitted: Admitted | undefined): void {
    const { req, res } = exchange;
    const body = new Body({
      request: exchange.request!,
      maxBytes: route.maxBytes,
      withinMs: this.bodyMs,
      guard: guardOf(route.endpoint),
      admitted,
      cut: this.cut,
      refuse: (response) => this.#answer(exchange, { ...response, close: true }),
      whole: (bytes) => this.#run(exchange, route, bytes, admitted),
    });
    exchange.body = body;
    if (exchange.expects === "continue") res.writeContinue();
    if (hasBody) {
      body.wait();
      req.on("data", (chunk: Buffer) => body.add(chunk)).on("end", () => body.end());
    } else body.end();
  }

  #run(exchange: Exchange, route: Route, bytes: Buffer, admitted: Admitted | undefined): void {
    const request = exchange.request!;
    try {
      const response = this.handled(route, request, bytes, admitted);
      if (response instanceof Promise) {
        response
          .then((late) => this.#answer(exchange, late))
          .catch((error: unknown) => this.#answer(exchange, this.failed(request, error)));
      } else this.#answer(exchange, response);
    } catch (error) {
      this.#answer(exchange, this.failed(request, error));
    }
  }

  /**
   * Refuses before the body is read. Usually the same packet has all of it, and the parser has read it by a later turn.
   */
  #refuse(exchange: Exchange, hasBody: boolean, response: HttpResponse): void {
    if (!hasBody) {
      this.#answer(exchange, response);
      return;
    }
    setImmediate(() => {
      const { complete } = exchange.req;
      this.#answer(exchange, complete ? response : { ...response, close: true });
    });
  }

  #answer(exchange: Exchange, response: HttpResponse): void {
    if (exchange.answered) return exchange.body?.finish();
    const { req, res, connection } = exchange;
    const answer = named(exchange.request ?? unread(req), response, this.onRefused);
    const { status, headers, body = "", close = false, stream } = answer;
    const sent: Record<string, string | number> = { ...headers, ...this.cors.headers(req.headers.origin ?? "") };
    const empty = status === 204 || status === 304;
    const bytes = empty ? 0 : typeof body === "string" ? Buffer.byteLength(body) : body.length;
    if (!empty && !stream) sent["content-length"] = bytes;
    if (close || this.#closing || endsConnection(req, empty)) res.shouldKeepAlive = false;
    if (stream && req.method !== "HEAD") {
      this.#streams.start(exchange, status, sent, stream);
      exchange.answered = true;
      exchange.body?.finish();
      if (this.#closing) this.#streams.end();
      return;
    }
    // It throws before any effect if a header cannot be sent. The next answer then has its own reason.
    res.writeHead(status, STATUS_CODES[status] ?? "", sent);
    exchange.answered = true;
    exchange.body?.finish();
    res.end(empty ? undefined : body);
    connection.next(res, bytes);
  }

  /** The peer went away. The answer of a running handler is dropped. */
  #gone(exchange: Exchange): void {
    exchange.answered = true;
    exchange.body?.gone();
    exchange.request?.onGone?.();
    this.#streams.gone(exchange);
  }

  #shown(response: HttpResponse, origin = ""): HttpResponse {
    return { ...response, headers: { ...response.headers, ...this.cors.headers(origin) } };
  }

  #late(connection: Connection): void {
    // A connection that never sent a byte gets no answer.
    if (connection.socket.bytesRead === 0) {
      connection.socket.destroy();
      return;
    }
    this.cut("slow");
    connection.fail(this.#shown(slowHead(this.#headMs)));
  }

  /** Answers a request that the parser refuses, and a late head. */
  #malformed({ code = "", rawPacket, bytesParsed }: ParserError, socket: Socket): void {
    const connection = this.#connectionOf(socket);
    if (socket.destroyed || connection.deaf) return;
    if (code === "ERR_HTTP_REQUEST_TIMEOUT") connection.late();
    // A broken connection cannot get an answer.
    else if (!code.startsWith("HPE_")) socket.destroy();
    // These bytes follow a request that announced itself as the last.
    else if (code !== "HPE_CLOSED_CONNECTION") {
      const { cut, response } = parserRefusal(code, connection.inBody);
      this.cut(cut);
      connection.fail(this.#shown(response), asksHead(rawPacket, bytesParsed));
    }
  }
}
