import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions as NodeOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { BaseServer, type Route, type ServerOptions } from "./base-server.ts";
import { plainAddress } from "./caller.ts";
import { certificateOf, portTaken } from "./certificate.ts";
import { Failure, messageOf } from "./errors.ts";
import { Body } from "./http-body.ts";
import { Connection, type Exchange, type Handling } from "./http-connection.ts";
import { framingOf, targetOf } from "./http-head.ts";
import { badHead, expectationFailed, largeHead, notAllowed, slowHead, type Reply } from "./reply.ts";

/** A request as handlers see it, whichever server read it. */
export interface Request {
  /** In lower case. */
  method: string;
  path: string;
  query: URLSearchParams;
  /** By name in lower case. Lines of one name are joined by commas, or the first counts. */
  headers: Readonly<Record<string, string>>;
  /** The peer's address as text. */
  readonly address: string;
  /** Called where the peer goes before it is answered. */
  onGone?: () => void;
}

export type Handler = (request: Request, body: Buffer) => Reply | Promise<Reply>;

const HEAD_BYTES = 16 << 10;
/** From the connection on, or from the first byte of a further request on; looked at once a second. */
const HEAD_MS = 10_000;
const CHECK_MS = 1_000;
/** Load balancers keep idle connections for 60 s: they close first, so that no request meets a closed one. */
const IDLE_MS = 75_000;
/** At the end, answers under way are waited for so long. */
const CLOSE_MS = 5_000;

const EMPTY = Buffer.alloc(0);
const CONNECTION = Symbol("connection");
type Known = Socket & { [CONNECTION]?: Connection };

/** The HTTP server of each service that changes something: the parser of Node, and no answer but ours. */
export class HttpServer extends BaseServer {
  readonly #server: Server;
  readonly #handling: Handling = {
    start: (exchange) => this.#handle(exchange),
    gone: (exchange) => this.#gone(exchange),
  };
  #underWay = 0;
  #closing = false;
  #idle: (() => void) | undefined;

  constructor(options: ServerOptions) {
    super(options);
    this.#server = serverOf(options.settings);
    // Read beyond its end a half-closed connection would lose the answer to what it accepted.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = IDLE_MS;
    this.#server
      .on("connection", (socket: Socket) => {
        if (this.tooMany(plainAddress(socket.remoteAddress ?? ""))) socket.destroy();
      })
      .on("request", (req: IncomingMessage, res: ServerResponse) => this.#came(req, res, "nothing"))
      .on("checkContinue", (req: IncomingMessage, res: ServerResponse) => this.#came(req, res, "continue"))
      .on("checkExpectation", (req: IncomingMessage, res: ServerResponse) => this.#came(req, res, "unknown"))
      .on("connect", (req: IncomingMessage, socket: Socket) => {
        socket.on("error", () => {});
        this.#connectionOf(socket).fail(notAllowed("CONNECT", req.url ?? "", ["GET", "POST"]));
      })
      .on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => this.#malformed(error, socket));
    this.serveHealth(options.registry);
  }

  protected serve(method: string, path: string, route: Route): void {
    this.router.add(method, path, route);
  }

  /** Port 0: any that is free. Throws a `fatal` where it is taken. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) => {
        if (error.code === "EADDRINUSE") reject(portTaken(host, port));
        else
          reject(
            new Failure("fatal", `Port ${port} on ${host} cannot be opened: ${messageOf(error)}. Check HOST and PORT.`),
          );
      });
      this.#server.listen({ host, port, exclusive: true }, () => {
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** No new connections, and none that are idle. Each answer from now on ends its connection. */
  stopListening(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#server.close();
  }

  async close(): Promise<void> {
    this.stopListening();
    if (this.#underWay > 0) {
      const timer = setTimeout(() => this.#idle?.(), CLOSE_MS);
      await new Promise<void>((resolve) => (this.#idle = resolve));
      clearTimeout(timer);
    }
    this.#server.closeAllConnections();
  }

  #connectionOf(socket: Known): Connection {
    return (socket[CONNECTION] ??= new Connection(socket, this.#handling));
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
    this.#underWay += 1;
    const { req, res, connection, broken } = exchange;
    const hasBody = broken ?? framingOf(req);
    if (typeof hasBody === "object") {
      if (!broken) this.cut("unclear");
      this.#answer(exchange, hasBody);
      return;
    }
    const target = targetOf(req.url!, req.method!);
    if (!target) {
      this.#refuse(exchange, hasBody, badHead("The target of the request is no path, and no http address."));
      return;
    }
    if (exchange.expects === "unknown") {
      this.#refuse(exchange, hasBody, expectationFailed());
      return;
    }
    const method = req.method!;
    const { path } = target;
    const route = this.router.find(method === "HEAD" ? "GET" : method, path);
    if (!route) {
      this.#refuse(exchange, hasBody, this.unrouted(method, path, req.headers.origin ?? ""));
      return;
    }
    const request = new NodeRequest(route.method, path, target.search, req, () =>
      this.callerOf(connection.address, () => req.headers["x-forwarded-for"] as string | undefined),
    );
    exchange.request = request;
    const { guard } = route;
    const admitted = (target.search === "" ? undefined : this.exposed(request)) ?? guard?.admit(request);
    if (admitted && !(admitted instanceof Promise)) {
      this.#refuse(exchange, hasBody, admitted);
      return;
    }
    if (!guard && !hasBody) {
      this.#run(exchange, route, EMPTY);
      return;
    }
    const body = new Body({
      request,
      maxBytes: route.maxBytes,
      withinMs: this.bodyMs,
      guard,
      cut: this.cut,
      refuse: (reply) => this.#answer(exchange, { ...reply, close: true }),
      whole: (bytes) => this.#run(exchange, route, bytes),
    });
    exchange.body = body;
    if (admitted) {
      void admitted.then((late) => {
        body.decided(late);
        if (!late && exchange.expects === "continue" && !body.over) res.writeContinue();
      });
    } else if (exchange.expects === "continue") res.writeContinue();
    if (hasBody) {
      body.wait();
      req.on("data", (chunk: Buffer) => body.add(chunk)).on("end", () => body.end());
    } else body.end();
  }

  #run(exchange: Exchange, route: Route, bytes: Buffer): void {
    const request = exchange.request!;
    try {
      const reply = route.handler(request, bytes);
      if (reply instanceof Promise) {
        reply
          .then((late) => this.#answer(exchange, late))
          .catch((error: unknown) => this.#answer(exchange, this.failed(request, error)));
      } else this.#answer(exchange, reply);
    } catch (error) {
      this.#answer(exchange, this.failed(request, error));
    }
  }

  /** Before its body was read. Mostly all of it came in the same packet, which the parser has read in a later turn. */
  #refuse(exchange: Exchange, hasBody: boolean, reply: Reply): void {
    if (!hasBody) {
      this.#answer(exchange, reply);
      return;
    }
    setImmediate(() => {
      const { complete } = exchange.req;
      this.#answer(exchange, complete ? reply : { ...reply, close: true });
    });
  }

  #answer(exchange: Exchange, { status, headers, body = "", close = false }: Reply): void {
    if (exchange.answered) {
      exchange.body?.finish();
      return;
    }
    const { req, res, connection } = exchange;
    const shown = this.origins.headers(req.headers.origin ?? "");
    const sent: Record<string, string | number> = { ...headers, ...shown };
    const empty = status === 204 || status === 304;
    if (!empty) sent["content-length"] = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    if (close || this.#closing) res.shouldKeepAlive = false;
    // It throws where a header cannot be sent, before anything is done.
    res.writeHead(status, sent);
    exchange.body?.finish();
    res.end(empty ? undefined : body);
    connection.next(res);
    this.#done(exchange);
  }

  /** The peer went away. A handler that is under way ends in nothing. */
  #gone(exchange: Exchange): void {
    exchange.body?.gone();
    exchange.request?.onGone?.();
    this.#done(exchange);
  }

  #done(exchange: Exchange): void {
    exchange.answered = true;
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#idle?.();
  }

  /** What the parser refuses, also where it is late. */
  #malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connectionOf(socket);
    if (socket.destroyed || connection.deaf) return;
    const { code = "" } = error;
    const late = code === "ERR_HTTP_REQUEST_TIMEOUT";
    // A connection that never said a word is not spoken to; one that broke cannot be.
    if ((!late && !code.startsWith("HPE_")) || (late && socket.bytesRead === 0)) {
      socket.destroy();
      return;
    }
    // It comes behind a request that is the last by its own word.
    if (code === "HPE_CLOSED_CONNECTION") return;
    this.cut(late ? "slow" : code === "HPE_HEADER_OVERFLOW" ? "large" : "malformed");
    connection.fail(answerTo(code));
  }
}

function answerTo(code: string): Reply {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return slowHead(HEAD_MS);
  if (code === "HPE_HEADER_OVERFLOW" || code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return largeHead();
  return badHead("This is no HTTP/1.1 request: it is malformed or incomplete.");
}

function serverOf(settings: ServerOptions["settings"]): Server {
  const options: NodeOptions = {
    maxHeaderSize: HEAD_BYTES,
    insecureHTTPParser: false,
    // It is asked for here, where a request behind a bad one is not handled.
    requireHostHeader: false,
    headersTimeout: HEAD_MS,
    // Bodies have a time of their own.
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: IDLE_MS,
    noDelay: true,
  };
  const certificate = certificateOf(settings);
  if (!certificate) return createServer(options);
  try {
    return createTlsServer({ ...options, handshakeTimeout: HEAD_MS, cert: certificate.cert, key: certificate.key });
  } catch (error) {
    throw new Failure("fatal", `TLS_CERT and TLS_KEY cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

/** Query and address are made for those who ask. */
class NodeRequest implements Request {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  onGone?: () => void;
  readonly #search: string;
  readonly #caller: () => string;
  #query: URLSearchParams | undefined;
  #address: string | undefined;

  constructor(method: string, path: string, search: string, req: IncomingMessage, caller: () => string) {
    this.method = method;
    this.path = path;
    // All but Set-Cookie, which no request has, are text.
    this.headers = req.headers as Record<string, string>;
    this.#search = search;
    this.#caller = caller;
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.#search));
  }

  get address(): string {
    return (this.#address ??= this.#caller());
  }
}
