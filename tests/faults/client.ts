import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import {
  openPolls,
  openSse,
  openWebSocket,
  type Opening,
  type Sink,
  type Wire,
} from "#tests/support/raw-transports.ts";
import type { SeededRandom } from "#tests/support/seeded-random.ts";
import type { History } from "./history.ts";
import type { Platform } from "./platform.ts";
import { receivedName } from "./recipients.ts";

/**
 * steady: always wants to be connected. roaming: connects and leaves. dying: connects, reads a little and dies, and
 * forgets its unacknowledged notifications. trickling: reads for a moment in each second. abandoning: leaves its socket
 * open, as a machine that lost its network, and reconnects on another.
 */
export type Habit = "steady" | "roaming" | "dying" | "trickling" | "abandoning";

/** How it receives, and how it acknowledges: by frame, by its library's pong, by POST, never, or by the next poll. */
export const WAYS = ["frames", "pongs", "posts", "silent", "polls"] as const;
export type Way = (typeof WAYS)[number];

interface ClientOptions {
  key: string;
  way: Way;
  habit: Habit;
  token: string;
  pollSeconds: number;
}

interface Frame {
  type?: string;
  cursor?: string;
  items?: Item[];
  notifications?: Item[];
}

interface Item {
  id: string;
  cursor: string;
  headers?: { occurrence?: string };
  data: { id: string; each?: true };
}

/** Between an answer and the next poll: the time of a client that handles its notifications. */
const POLL_PAUSE_MS = 100;
const ACK_MS = 100;
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
let connections = 0;

/** One client: it keeps its cursor, reconnects with jitter, and records what it sees. It never judges. */
export class LoadClient {
  readonly key: string;
  readonly way: Way;
  habit: Habit;
  /** Connected, and has received something. */
  online = false;
  readonly #pollSeconds: number;
  readonly #token: string;
  readonly #platform: Platform;
  readonly #history: History;
  readonly #random: SeededRandom;
  readonly #abandoned: Wire[] = [];
  readonly #ending = new AbortController();
  #cursor: string | undefined;
  #acknowledged: string | undefined;
  #wire: Wire | undefined;
  #ended: (() => void) | undefined;
  #heard = 0;
  /** When its habit ends the connection. */
  #until = 0;
  /** The ms that a server asked it to stay away (R44). */
  #retryAfter = 0;
  #run: Promise<void> | undefined;
  #acking = false;

  constructor(
    { key, way, habit, token, pollSeconds }: ClientOptions,
    { platform, history, random }: { platform: Platform; history: History; random: SeededRandom },
  ) {
    this.key = key;
    this.way = way;
    this.habit = habit;
    this.#token = token;
    this.#pollSeconds = pollSeconds;
    this.#platform = platform;
    this.#history = history;
    this.#random = random;
    history.add({ kind: "client", key, steady: habit === "steady" });
  }

  start(): void {
    this.#run ??= this.#live();
  }

  /** From now on it stays, and reads everything. */
  settle(): void {
    this.habit = "steady";
    this.#wire?.resume();
  }

  /** Reconnects, which acknowledges everything that it has (R23). */
  reconnect(): void {
    this.#ended?.();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    for (const wire of [this.#wire, ...this.#abandoned]) wire?.destroy();
    this.#ended?.();
    await this.#run;
  }

  get #over(): boolean {
    return this.#ending.signal.aborted;
  }

  async #live(): Promise<void> {
    let bound = 100;
    while (!this.#over) {
      const began = performance.now();
      await this.#connection();
      // Full jitter, doubled, and reset once a connection has lasted (R44). Shorter than an application's, so that the
      // load is harder.
      bound = performance.now() - began > 1_000 ? 100 : Math.min(bound * 2, 2_000);
      const asked = this.#retryAfter;
      this.#retryAfter = 0;
      const pause = this.habit === "roaming" ? this.#random.between(500, 4_000) : this.#random.between(0, bound);
      await this.#pause(asked + pause);
    }
  }

  async #connection(): Promise<void> {
    const connection = (connections += 1);
    // A client that dies without keeping what it read resumes at its last acknowledgement.
    if (this.habit === "dying" && this.#acknowledged !== undefined) this.#cursor = this.#acknowledged;
    const ended = new Promise<void>((resolve) => (this.#ended = resolve));
    const url = this.#random.pick(this.#platform.distributors);
    const opening = { url, token: this.#token, cursor: this.#cursor, explicit: ["frames", "posts"].includes(this.way) };
    this.#heard = performance.now();
    this.#history.add({ kind: "connect", connection, key: this.key, cursor: this.#cursor, at: this.#heard });
    const wire = this.#open(opening, {
      frame: (text) => {
        if (this.#wire === wire) this.#read(connection, text, url);
      },
      heartbeat: () => (this.#heard = performance.now()),
      ended: ({ retryAfter = 0 }) => {
        if (this.#wire !== wire) return;
        this.#retryAfter = Math.max(this.#retryAfter, retryAfter * 1_000);
        this.#ended?.();
      },
      failed: (error) => {
        // An unexpected answer is a refusal, for example while a distributor starts or ends.
        if (this.#wire === wire && !/^\/v1\/\w+: /.test(error.message))
          this.#history.add({ kind: "breach", connection, what: error.message, at: performance.now() });
        if (this.#wire !== wire) return;
        this.#retryAfter = Number(/\r\nretry-after: (\d+)/i.exec(error.message)?.[1] ?? 0) * 1_000;
        this.#ended?.();
      },
    });
    this.#until = this.#heard + this.#random.between(300, 4_000);
    this.#wire = wire;
    await ended;
    this.#wire = undefined;
    this.online = false;
    if (!this.#abandoned.includes(wire)) wire.destroy();
    this.#history.add({ kind: "close", connection, at: performance.now() });
  }

  #open(opening: Opening, sink: Sink): Wire {
    if (this.way === "polls") return openPolls(opening, sink, this.#pollSeconds);
    return this.way === "frames" || this.way === "pongs" ? openWebSocket(opening, sink) : openSse(opening, sink);
  }

  /** Call it periodically. Ends the connection by its habit, or after too long a silence (R42). */
  tick(now: number): void {
    const wire = this.#wire;
    if (!wire) return;
    const silent = this.#platform.heartbeatMs * 2.5 + (this.way === "polls" ? this.#pollSeconds * 1_000 : 0);
    if (this.habit === "trickling") {
      if (Math.floor(now / 200) % 5 === 0) wire.resume();
      else wire.pause();
    } else if (this.habit !== "steady" && now > this.#until) {
      if (this.habit === "abandoning") {
        wire.pause();
        this.#abandoned.push(wire);
      }
      this.#ended?.();
    } else if (now - this.#heard > silent) {
      this.#ended?.();
    }
  }

  #read(connection: number, text: string, url: string): void {
    const at = performance.now();
    this.#heard = at;
    this.online = true;
    const frame = JSON.parse(text) as Frame;
    if (frame.type === "connected") {
      this.#history.add({ kind: "resume", connection, cursor: frame.cursor!, at });
      this.#cursor = frame.cursor;
    } else if (frame.type === "live") {
      this.#history.add({ kind: "live", connection, at });
    } else if (frame.type === "notification") {
      this.#take(connection, frame as unknown as Item, at);
    } else {
      for (const item of frame.items ?? frame.notifications ?? []) this.#take(connection, item, at);
      if (this.way === "polls") this.#polled(frame);
    }
    this.#acknowledgeSoon(connection, url);
  }

  #polled({ cursor, notifications = [] }: Frame): void {
    if (cursor !== undefined) this.#cursor = cursor;
    const wire = this.#wire;
    if (notifications.length === 0 || this.habit === "trickling") return;
    wire?.pause();
    setTimeout(() => {
      if (this.#wire === wire) wire?.resume();
    }, POLL_PAUSE_MS);
  }

  #take(connection: number, item: Item, at: number): void {
    const { id: notification, cursor } = item;
    this.#cursor = cursor;
    this.#history.add({ kind: "receive", connection, id: receivedName(item, this.key), notification, cursor, at });
  }

  #acknowledgeSoon(connection: number, url: string): void {
    if (this.#acking || (this.way !== "frames" && this.way !== "posts") || this.#cursor === this.#acknowledged) return;
    this.#acking = true;
    const wire = this.#wire;
    setTimeout(
      () => {
        this.#acking = false;
        if (this.#wire !== wire || this.#cursor === undefined) return;
        const cursor = (this.#acknowledged = this.#cursor);
        this.#history.add({ kind: "acknowledge", connection, cursor, at: performance.now() });
        if (this.way === "frames") wire?.say(JSON.stringify({ type: "ack", cursor }));
        else post(`${url}/v1/acks`, this.#token, cursor);
      },
      ACK_MS * this.#random.between(1, 3),
    );
  }

  /** The wait is shorter while it ends, and cannot fail otherwise. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }
}

/** It never repeats an acknowledgement: the notification comes again, or the next acknowledgement settles it. */
function post(url: string, token: string, cursor: string): void {
  const body = JSON.stringify({ cursor });
  const headers = {
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
    "content-length": body.length,
  };
  const outgoing = request(url, { agent, method: "POST", headers, timeout: 3_000 }, (answer) => answer.resume());
  outgoing.on("timeout", () => outgoing.destroy());
  outgoing.on("error", () => {});
  outgoing.end(body);
}
