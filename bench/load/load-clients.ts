import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Socket } from "node:net";
import { now } from "./clock.ts";
import { Samples } from "./samples.ts";
import { clientFrame, Opcode, openWebSocket } from "./raw-sockets.ts";

const OPENED_AT_ONCE = 500;
const ACK_TICK_MS = 10;
const ACK_TICKS = 10;
const ACK_MOST = 64;

const DATA = Buffer.from('"data":{"n":');
const CURSOR = Buffer.from('"cursor":"');
const ACK = Buffer.from(`{"type":"ack","cursor":"${"0".repeat(25)}"}`);
const ACK_CURSOR = 6 + '{"type":"ack","cursor":"'.length;

interface Client {
  socket: Socket | undefined;
  /** The number of received notifications, and the number that the next one must have. */
  received: number;
  next: number;
  unacknowledged: number;
  acknowledgement: Buffer;
}

export interface ClientsOptions {
  url: URL;
  tokens: readonly string[];
  /** Records the latency of one notification in this many. */
  sampleEvery?: number;
  acknowledge?: boolean;
}

/**
 * Clients over WebSockets. They acknowledge like the client library (after 100 ms, or 64 notifications), and check the
 * numbers of notifications. `data` is {"n": number for this client, "t": us of publishing, ...}. They parse no JSON.
 */
export class LoadClients {
  latency = new Samples();
  readonly #options: ClientsOptions;
  readonly #clients: Client[];
  readonly #sampleEvery: number;
  readonly #acknowledge: boolean;
  /** Clients with a pending acknowledgement, by the tick at which it is due. */
  readonly #due: Client[][] = Array.from({ length: ACK_TICKS }, () => []);
  readonly #delay = monitorEventLoopDelay({ resolution: 5 });
  #tick = 0;
  #ticker: NodeJS.Timeout | undefined;
  #closing = false;
  #waiting: { holds: () => boolean; resolve: () => void } | undefined;
  received = 0;
  bytes = 0;
  frames = 0;
  connected = 0;
  live = 0;
  repeated = 0;
  skipped = 0;
  lost = 0;
  refusals = 0;
  /** Called after notifications have arrived. */
  onReceived: () => void = () => {};

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#sampleEvery = options.sampleEvery ?? 50;
    this.#acknowledge = options.acknowledge ?? true;
    this.#clients = options.tokens.map(() => ({
      socket: undefined,
      received: 0,
      next: 0,
      unacknowledged: 0,
      acknowledgement: clientFrame(Opcode.TEXT, ACK),
    }));
  }

  /** Opens all connections, many at once. Resolves once each is upgraded. */
  async open(): Promise<void> {
    this.#closing = false;
    this.#delay.enable();
    this.#ticker = setInterval(() => this.#acknowledgeDue(), ACK_TICK_MS);
    const { url, tokens } = this.#options;
    let index = 0;
    const opener = async (): Promise<void> => {
      while (index < tokens.length) {
        const at = index;
        index += 1;
        const client = this.#clients[at]!;
        const { socket, refusals } = await openWebSocket(
          url,
          tokens[at]!,
          (opcode, bytes, start, end) => this.#frame(client, opcode, bytes, start, end),
          () => this.#ended(),
        );
        client.socket = socket;
        this.refusals += refusals;
      }
    };
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, opener));
  }

  async allLive(deadlineMs = 120_000): Promise<void> {
    await this.until(
      () => this.live >= this.#clients.length,
      deadlineMs,
      () => `${this.live} are live`,
    );
  }

  /** Resolves once this many notifications have arrived in total. */
  async all(count: number, deadlineMs = 60_000): Promise<void> {
    await this.until(
      () => this.received >= count,
      deadlineMs,
      () => `${this.received} of ${count} came`,
    );
  }

  /** Resolves once the condition is true. It is checked after each arrival. */
  async until(holds: () => boolean, deadlineMs: number, state: () => string): Promise<void> {
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`Not within ${deadlineMs} ms: ${state()}.`)), deadlineMs);
      this.#waiting = {
        holds,
        resolve: () => {
          clearTimeout(late);
          resolve();
        },
      };
    });
  }

  /** Delay of the load tool's own event loop in ms: median and 99th percentile since the last call. */
  ownDelay(): { p50: number; p99: number } {
    const ms = (percentile: number): number => Math.max(0, this.#delay.percentile(percentile) / 1e6 - 5);
    const delay = { p50: ms(50), p99: ms(99) };
    this.#delay.reset();
    return delay;
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#ticker);
    this.#delay.disable();
    const open = this.#clients.flatMap(({ socket }) => (socket && !socket.destroyed ? [socket] : []));
    const closed = open.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
    for (const socket of open) socket.destroy();
    await Promise.all(closed);
    this.live = 0;
    this.connected = 0;
    for (const client of this.#clients) client.next = client.received = client.unacknowledged = 0;
  }

  #ended(): void {
    if (!this.#closing) this.lost += 1;
  }

  #frame(client: Client, opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === Opcode.PING) {
      client.socket?.write(clientFrame(Opcode.PONG, bytes.subarray(start, end)));
      return;
    }
    if (opcode !== Opcode.TEXT) return;
    // {"type":"notification", {"type":"notifications", {"type":"live", {"type":"connected"
    const letter = bytes[start + 9];
    if (letter === 0x6e) this.#notifications(client, bytes, start, end);
    else if (letter === 0x6c) this.live += 1;
    else if (letter === 0x63 && bytes[start + 10] === 0x6f) this.connected += 1;
    if (this.#waiting?.holds()) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve();
    }
  }

  #notifications(client: Client, bytes: Buffer, start: number, end: number): void {
    this.frames += 1;
    this.bytes += end - start;
    const single = bytes[start + 21] === 0x22;
    // A view, so that a search ends with the frame.
    const frame = bytes.subarray(start, end);
    let at = 0;
    for (;;) {
      at = frame.indexOf(DATA, at);
      if (at < 0) break;
      at = this.#notification(client, frame, at + DATA.length);
      if (single) break;
    }
    if (this.#acknowledge) {
      const cursor = (single ? frame.indexOf(CURSOR) : frame.lastIndexOf(CURSOR)) + CURSOR.length;
      frame.copy(client.acknowledgement, ACK_CURSOR, cursor, cursor + 25);
      if (client.unacknowledged === 0) this.#due[this.#tick]!.push(client);
      client.unacknowledged += 1;
      if (client.unacknowledged >= ACK_MOST) this.#send(client);
    }
    this.onReceived();
  }

  /** Reads n and t, and returns the end of what it read. */
  #notification(client: Client, frame: Buffer, from: number): number {
    let at = from;
    let n = 0;
    for (let byte = frame[at]!; byte !== 0x2c; byte = frame[(at += 1)]!) n = n * 10 + byte - 0x30;
    this.received += 1;
    client.received += 1;
    if (n < client.next) this.repeated += 1;
    else {
      this.skipped += n - client.next;
      client.next = n + 1;
    }
    if (this.received % this.#sampleEvery !== 0) return at;
    // ,"t":
    at += 5;
    let t = 0;
    for (let byte = frame[at]!; byte !== 0x2c; byte = frame[(at += 1)]!) t = t * 10 + byte - 0x30;
    this.latency.add((now() - t) / 1e3);
    return at;
  }

  /** Acknowledges the arrivals of the tick 100 ms ago. */
  #acknowledgeDue(): void {
    this.#tick = (this.#tick + 1) % ACK_TICKS;
    const due = this.#due[this.#tick]!;
    for (const client of due) if (client.unacknowledged > 0) this.#send(client);
    due.length = 0;
  }

  #send(client: Client): void {
    client.unacknowledged = 0;
    client.socket?.write(client.acknowledgement);
  }
}
