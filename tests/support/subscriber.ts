import { deepEqual, equal } from "node:assert/strict";
import { onTestFinished } from "vitest";
import { answer, frame, type Frame, type Notification, type Retract } from "./strict-frames.ts";
import type { Publisher } from "./publisher.ts";
import type { Service, Stack } from "./stack.ts";
import { openPolls, openSse, openWebSocket, type End, type Transport, type Wire } from "./raw-transports.ts";

export type { Frame, Notification };

export interface SubscriberOptions {
  client: string;
  tenant?: string;
  transport: Transport;
  /**
   * auto: arrived notifications are acknowledged, as the transport does it. manual: only by ack(). never: as a plain
   * EventSource.
   */
  acknowledge?: "auto" | "manual" | "never";
  /** The lifetime of its token, in seconds. */
  ttl?: number;
  /** The client accepts retract frames (R61). */
  retracts?: boolean;
}

/**
 * One client's strict subscriber, over any number of connections, one after the other. It keeps everything that came,
 * and fails at once on an invalid frame or a wrong notification: out of order, at or before the connection's resume
 * point, expired, or twice under two cursors.
 */
export class Subscriber {
  readonly client: string;
  /** The received notifications, each once and in order. */
  readonly received: Notification[] = [];
  readonly retracted: Retract[] = [];
  /** The frames of the present connection. */
  frames: Frame[] = [];
  heartbeats = 0;
  /** How often a notification came again on a later connection. */
  duplicates = 0;
  end: End | undefined;
  transport: Transport;
  acknowledge: "auto" | "manual" | "never";
  readonly #token: string;
  readonly #retracts: boolean;
  readonly #seen = new Map<string, string>();
  readonly #waiting = new Set<() => void>();
  #url = "";
  #wire: Wire | undefined;
  /** Everything in this connection is after it. */
  #position: string | undefined;
  #failure: Error | undefined;
  #acking: Promise<unknown> | undefined;
  #acked = "";

  private constructor({ client, transport, acknowledge = "auto", retracts = false }: SubscriberOptions, token: string) {
    this.client = client;
    this.#retracts = retracts;
    this.transport = transport;
    this.acknowledge = acknowledge;
    this.#token = token;
    onTestFinished(({ task }) => {
      const open = this.#wire !== undefined;
      this.#wire?.destroy();
      if (task.result?.state === "fail") return;
      if (this.#failure) throw this.#failure;
      if (open) throw new Error(`${this.#name} was left open.`);
    });
  }

  static async of(stack: Stack, options: SubscriberOptions): Promise<Subscriber> {
    const { client, tenant = "acme", ttl = 3_600 } = options;
    return new Subscriber(options, await stack.token({ client, tenant, ttl }));
  }

  /** Its resume point: the cursor of the last notification or retract that it received. */
  get cursor(): string | undefined {
    const [notification, retract] = [this.received.at(-1)?.cursor, this.retracted.at(-1)?.cursor];
    return (retract ?? "") > (notification ?? "") ? retract : notification;
  }

  get open(): boolean {
    return this.#wire !== undefined;
  }

  /** Opens a connection, from its cursor by default, and waits for `connected`; a poll loop has no such frame. */
  async connect(
    distributor: Service,
    from: { cursor?: string | undefined; transport?: Transport } = {},
  ): Promise<this> {
    if (this.#wire) throw new Error(`${this.#name} is open already.`);
    this.transport = from.transport ?? this.transport;
    const start = "cursor" in from ? from.cursor : this.cursor;
    this.#url = distributor.url;
    this.frames = [];
    this.end = undefined;
    this.#position = undefined;
    this.#acked = this.cursor ?? "";
    const explicit = this.acknowledge === "manual" || (this.acknowledge === "auto" && this.transport === "sse");
    const opening = { url: distributor.url, token: this.#token, cursor: start, explicit, retracts: this.#retracts };
    const wire: Wire = { websocket: openWebSocket, sse: openSse, poll: openPolls }[this.transport](opening, {
      frame: (text) => this.#guard(() => (this.transport === "poll" ? this.#answer(text, wire) : this.#frame(text))),
      heartbeat: () => this.#guard(() => (this.heartbeats += 1)),
      ended: (end) => {
        this.end = end;
        if (this.#wire === wire) this.#wire = undefined;
        this.#wake();
      },
      failed: (error) => this.#fail(error),
    });
    this.#wire = wire;
    if (this.transport !== "poll") await this.until("it is connected", () => this.#position !== undefined);
    return this;
  }

  /** Waits for the frame that ends the replay. */
  live(): Promise<void> {
    return this.until("it is live", () => this.frames.some(({ type }) => type === "live"));
  }

  /** Waits for everything that was accepted for this client so far, once and in order. */
  async all(publisher: Publisher, deadlineMs?: number): Promise<void> {
    const ids = publisher.accepted(this.client);
    await this.until(`all ${ids.length} are here`, () => this.received.length >= ids.length, deadlineMs);
    deepEqual(
      this.received.map(({ id }) => id),
      ids,
    );
  }

  /** Resolves once `holds` is true; it is checked after each arrival. */
  async until(what: string, holds: () => boolean, deadlineMs = 60_000): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, deadlineMs);
    try {
      while (!holds()) {
        if (this.#failure) throw this.#failure;
        if (late) throw new Error(`${this.#name}: ${what}: not within ${deadlineMs} ms. ${this.#state}`);
        await new Promise<void>((wake) => this.#waiting.add(wake));
      }
    } finally {
      clearTimeout(timer);
    }
    if (this.#failure) throw this.#failure;
  }

  /** Acknowledges up to the cursor, by POST or, on a WebSocket, by a frame. */
  async ack(
    cursor = this.cursor!,
    by: "post" | "frame" = this.transport === "websocket" ? "frame" : "post",
  ): Promise<void> {
    if (by === "frame") this.say(JSON.stringify({ type: "ack", cursor }));
    else equal((await this.#post(cursor)).status, 204);
  }

  /** Resolves once no acknowledgement by POST is under way. */
  async acknowledged(): Promise<void> {
    while (this.#acking) await this.#acking;
  }

  say(text: string): void {
    this.#wire!.say(text);
  }

  /** Writes the bytes unchanged. */
  write(bytes: Buffer): void {
    this.#wire!.write(bytes);
  }

  pause(): void {
    this.#wire!.pause();
  }

  resume(): void {
    this.#wire!.resume();
  }

  /** Destroys the connection, as if the client's machine were gone. */
  async destroy(): Promise<void> {
    this.#wire?.destroy();
    await this.until("it is gone", () => !this.open);
  }

  async close(): Promise<void> {
    this.#wire?.close();
    await this.until("it is closed", () => !this.open);
    await this.#acking;
  }

  #frame(raw: string): void {
    const parsed = frame.parse(JSON.parse(raw));
    const told = this.frames.map(({ type }) => type);
    if (this.frames.length === 0 && parsed.type !== "connected") throw new Error(`The first frame is ${raw}`);
    if (told.at(-1) === "closing") throw new Error(`After "closing" came ${raw}`);
    if (parsed.type === "live" && told.includes("live")) throw new Error('"live" came twice.');
    this.frames.push({ ...parsed, raw });
    if (parsed.type === "connected") this.#position = parsed.cursor;
    else if (parsed.type === "notification" || parsed.type === "retract") this.#take(parsed);
    else if (parsed.type === "notifications") for (const item of parsed.items) this.#take(item);
    if (this.acknowledge === "auto" && this.transport === "sse") this.#ackSoon();
  }

  #answer(raw: string, wire: Wire): void {
    const { notifications, inbox = [], cursor: given } = answer.parse(JSON.parse(raw));
    for (const change of inbox) this.frames.push({ ...change, raw });
    // The next poll is the acknowledgement in manual mode.
    if (this.acknowledge === "manual") wire.pause();
    for (const item of notifications) {
      this.frames.push({ ...item, raw });
      this.#take(item);
    }
    const last = notifications.at(-1)?.cursor;
    if (last !== undefined && last !== given)
      throw new Error(`The answer's cursor is ${given}, its last item's ${last}`);
    this.#position = given;
  }

  #take(item: Notification | Retract): void {
    const { id, cursor: at } = item;
    if (at <= (this.#position ?? "")) throw new Error(`After ${this.#position} came ${at}`);
    this.#position = at;
    const before = this.#seen.get(id);
    if (before === undefined) {
      if (at <= (this.cursor ?? "")) throw new Error(`${at} came late: ${this.cursor} was here before.`);
      this.#seen.set(id, at);
      if (item.type === "retract") this.retracted.push(item);
      else this.received.push(item);
    } else {
      if (before !== at) throw new Error(`${id} came as ${before} and as ${at}`);
      this.duplicates += 1;
    }
  }

  /** One request at a time; the next one sends the acknowledgements that accumulated during it. */
  #ackSoon(): void {
    if (this.#acking || !this.cursor || this.cursor === this.#acked) return;
    this.#acked = this.cursor;
    this.#acking = this.#post(this.cursor).then(
      ({ status }) => {
        this.#acking = undefined;
        if (status !== 204) this.#fail(new Error(`An acknowledgement was answered ${status}.`));
        if (this.open) this.#ackSoon();
      },
      // The distributor is gone, and so is the connection.
      () => {
        // Its connection was just closed: unanswered acknowledgements are sent again.
        this.#acking = undefined;
        this.#acked = "";
        if (this.open) this.#ackSoon();
      },
    );
  }

  async #post(cursor: string): Promise<{ status: number; body: string }> {
    const response = await fetch(`${this.#url}/v1/acks`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.#token}`, "content-type": "application/json" },
      body: JSON.stringify({ cursor }),
    });
    return { status: response.status, body: await response.text() };
  }

  #guard(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= new Error(`${this.#name}: ${error.message}. ${this.#state}`, { cause: error });
    this.#wire?.destroy();
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  get #name(): string {
    return `The ${this.transport} subscriber ${this.client}`;
  }

  get #state(): string {
    const frames = this.frames.slice(-3).map(({ raw }) => raw.slice(0, 200));
    return `It has ${this.received.length}, ${this.open ? "is open" : `ended ${JSON.stringify(this.end)}`}; last frames: ${frames.join(" ")}`;
  }
}
