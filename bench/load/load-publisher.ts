import type { Socket } from "node:net";
import { now } from "./clock.ts";
import { openSocket } from "./raw-sockets.ts";

const CONNECTIONS = 16;
/** Requests per connection before a client's next one: two of a client are never in flight, so its order stays. */
const REQUESTS_BETWEEN = 4;
const TICK_MS = 2;
/** Makes a notification's data about 200 bytes long. */
const PAD = "x".repeat(165);
/** Coprime to every number of clients in use: each client gets its turn, and neighbours are far from each other. */
const STRIDE = 7_919;

export interface PublisherOptions {
  url: string;
  token: string;
  clients: number;
  /** Items of one request at full speed. */
  batch?: number;
  path?: string;
  /** One line of a request's body, from the client, the client's number and the time. */
  line?: (client: number, n: number, t: number) => string;
}

/** Data in the format that load-clients.ts reads. */
export function dataOf(n: number, t: number, more = ""): string {
  return `{"n":${n},"t":${t},"pad":"${PAD}${more}"}`;
}

export function clientName(client: number): string {
  return `c${client}`;
}

const publication = (client: number, n: number, t: number): string =>
  `{"to":{"client":"${clientName(client)}"},"data":${dataOf(n, t)}}`;

/** Publishes numbered notifications to each client in turn, over kept connections with one request in flight each. */
export class LoadPublisher {
  readonly #clients: number;
  readonly #batch: number;
  readonly #line: (client: number, n: number, t: number) => string;
  /** Connections are used in turn, because a server closes one that is silent for ten seconds. */
  readonly #idle: Connection[] = [];
  readonly #all: Connection[] = [];
  readonly #numbers: Int32Array;
  #at = 0;
  sent = 0;
  accepted = 0;
  refused = 0;
  requests = 0;
  #underWay = 0;
  #drained: (() => void) | undefined;
  /** At full speed: the number of notifications that may be published now. */
  #room: (() => number) | undefined;

  constructor(options: PublisherOptions) {
    this.#clients = options.clients;
    this.#batch = options.batch ?? 100;
    this.#line = options.line ?? publication;
    this.#numbers = new Int32Array(options.clients);
    const connections = Math.floor(options.clients / (this.#batch * REQUESTS_BETWEEN));
    for (let count = 0; count < Math.max(1, Math.min(CONNECTIONS, connections)); count += 1) {
      const connection = new Connection(new URL(options.path ?? "/v1/notifications", options.url), options.token, () =>
        this.#pump(),
      );
      this.#all.push(connection);
      this.#idle.push(connection);
    }
  }

  /** Publishes as fast as answers come, within `room`, until `stop`. `pump` checks the room again. */
  saturate(room: () => number): void {
    this.#room = room;
    this.#pump();
  }

  pump(): void {
    if (this.#room) this.#pump();
  }

  async stop(): Promise<void> {
    this.#room = undefined;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#drained = resolve));
  }

  /** Publishes this many, a multiple of the batch, as fast as answers come. */
  async send(total: number): Promise<void> {
    const until = this.sent + total;
    await new Promise<void>((resolve) => {
      this.saturate(() => {
        if (this.sent >= until && this.#underWay === 0) resolve();
        return until - this.sent;
      });
    });
    await this.stop();
  }

  /** Publishes the due notifications every few ms in one request. Each has its due time, so a late tool looks late. */
  async steadily(rate: number, seconds: number): Promise<void> {
    const total = Math.round(rate * seconds);
    const started = now();
    let sent = 0;
    await new Promise<void>((resolve) => {
      const ticker = setInterval(() => {
        const due = Math.min(total, Math.floor(((now() - started) / 1e6) * rate));
        while (sent < due) {
          const connection = this.#idle.shift();
          if (!connection) break;
          const count = Math.min(due - sent, this.#batch);
          const first = sent;
          this.#request(connection, count, (index) => started + Math.round(((first + index) / rate) * 1e6));
          sent += count;
        }
        if (sent < total) return;
        clearInterval(ticker);
        resolve();
      }, TICK_MS);
    });
    await this.stop();
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #pump(): void {
    while (this.#room && this.#idle.length > 0) {
      // Only whole batches: a request for each received notification would be a different load.
      if (this.#room() < this.#batch) return;
      const at = now();
      this.#request(this.#idle.shift()!, this.#batch, () => at);
    }
  }

  #request(connection: Connection, count: number, timeOf: (index: number) => number): void {
    let body = "";
    for (let index = 0; index < count; index += 1) {
      this.#at = (this.#at + STRIDE) % this.#clients;
      body += `${this.#line(this.#at, this.#numbers[this.#at]!++, timeOf(index))}\n`;
    }
    this.sent += count;
    this.#underWay += 1;
    connection.post(body, (status) => {
      this.#underWay -= 1;
      this.requests += 1;
      if (status === 202) this.accepted += count;
      else this.refused += count;
      this.#idle.push(connection);
      if (this.#underWay === 0) this.#drained?.();
    });
  }
}

/** One HTTP connection: a request, its answer, and the next. */
class Connection {
  readonly #url: URL;
  readonly #head: string;
  readonly #idle: () => void;
  /** Undefined before the first request, and after the server has closed a silent connection. */
  #socket: Socket | undefined;
  #answered: ((status: number) => void) | undefined;
  #rest = "";

  constructor(url: URL, token: string, idle: () => void) {
    this.#url = url;
    this.#idle = idle;
    this.#head =
      `POST ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nAuthorization: Bearer ${token}\r\n` +
      "Content-Type: application/x-ndjson\r\nContent-Length: ";
  }

  /** ASCII only. */
  post(body: string, answered: (status: number) => void): void {
    this.#answered = answered;
    this.#socket ??= openSocket(
      this.#url,
      (bytes, length) => this.#read(bytes.toString("latin1", 0, length)),
      () => this.#ended(),
    );
    this.#socket.write(`${this.#head}${body.length}\r\n\r\n${body}`, "latin1");
  }

  close(): void {
    this.#answered = undefined;
    this.#socket?.destroy();
  }

  #ended(): void {
    this.#socket = undefined;
    this.#rest = "";
    const answered = this.#answered;
    this.#answered = undefined;
    if (!answered) return;
    answered(0);
    this.#idle();
  }

  #read(text: string): void {
    this.#rest += text;
    const head = this.#rest.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(this.#rest.slice(0, head))?.[1] ?? 0);
    if (this.#rest.length < head + 4 + length) return;
    const status = Number(this.#rest.slice(9, 12));
    this.#rest = "";
    const answered = this.#answered!;
    this.#answered = undefined;
    answered(status);
    this.#idle();
  }
}
