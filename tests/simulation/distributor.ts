import { START, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind, notificationBody, readDeliver, readPack, readMessage } from "@saasaparilla/shared/protocol/pack.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { asRouted, type ControlMessage } from "@saasaparilla/shared/protocol/control-messages.ts";
import {
  createSession,
  type Page,
  type Row,
  type Session,
  type SessionEvent,
  type SessionOutput,
} from "#services/distributor/sessions/session.ts";
import { step } from "#services/distributor/sessions/session-table.ts";
import { PARTITION, short, type Stage } from "./stage.ts";

/** One connection's wire: data that the distributor wrote and the client has not read yet. */
export interface Wire {
  readonly session: Session;
  readonly rows: Row[];
  open: boolean;
  /** The last row that the client got, or START before the first one. */
  given: Sequence;
  /** `connected` was sent again: the session continues from here. */
  resumed?: Sequence;
}

const OUTBOX = 4;

/** Real sessions, with simulated reads, sockets and sends. */
export class SimulatedDistributor {
  readonly slot: number;
  readonly #stage: Stage;
  #read = 0;
  #wires = new Map<number, Wire>();
  #timers = new Map<number, number>();
  /** Reads of Postgres: pending, or answered with the rows of some later moment. */
  #reads: { session: Session; read: number; from: Sequence; page?: Page | "failed" }[] = [];
  #control: ((writer: PackWriter) => void)[] = [];
  #newest = -1;
  #sessions = 0;
  readonly #out: SessionOutput;

  constructor(stage: Stage, slot: number) {
    this.#stage = stage;
    this.slot = slot;
    this.#out = this.#output();
  }

  get incarnation(): number {
    return this.#stage.incarnations[this.slot]!;
  }

  connect(key: ClientKey, cursor: Sequence, asked: Pick<Session, "acknowledges" | "retracts">): Wire {
    this.#sessions += 1;
    const session = createSession(
      { key, id: this.#sessions, partition: PARTITION, ...asked },
      cursor === START ? undefined : cursor,
    );
    const wire: Wire = { session, rows: [], open: true, given: START };
    this.#wires.set(session.id, wire);
    this.#stage.note(() => `s${this.slot} ${key} connects as ${session.id} from ${short(cursor)}`);
    if (!this.#stage.redisAway) this.#register(session);
    this.step(session, { type: "opened" });
    return wire;
  }

  disconnect(wire: Wire): void {
    if (!wire.open) return;
    this.#stage.note(() => `s${this.slot} ${wire.session.id} disconnects`);
    wire.open = false;
    this.#wires.delete(wire.session.id);
    this.step(wire.session, { type: "closed" });
    if (!this.#stage.redisAway)
      this.#stage.registry.get(wire.session.key)?.delete(`${this.slot}:${this.incarnation}:${wire.session.id}`);
  }

  /** kill -9, and at once a new incarnation on the same slot. */
  die(): void {
    for (const wire of this.#wires.values()) wire.open = false;
    this.#wires = new Map();
    this.#timers = new Map();
    this.#reads = [];
    this.#control = [];
    this.#stage.incarnations[this.slot] = this.incarnation + 1;
    this.#newest = -1;
    this.#read = this.#stage.routed[this.slot]!.records.length;
  }

  timeouts(): void {
    for (const [id, at] of this.#timers) {
      const wire = this.#wires.get(id);
      if (at > this.#stage.now || !wire) continue;
      this.#timers.delete(id);
      this.step(wire.session, { type: "timeout" });
    }
  }

  safetyNet(): void {
    if (this.#stage.mutant === "wake-ups lost, no safety net") return;
    for (const { session } of this.#wires.values()) {
      if (!this.#stage.redisAway) this.#register(session);
      if (session.state === "LIVE" && this.#stage.postgres.after(session.key, session.sent).rows.length > 0)
        this.step(session, { type: "waiting" });
    }
  }

  drained(wire: Wire): void {
    if (wire.open && wire.rows.length === 0) this.step(wire.session, { type: "drained" });
  }

  /** POST /v1/acks, as the real endpoint handles it. */
  acknowledge(key: ClientKey, sequence: Sequence): void {
    for (const { session } of this.#wires.values())
      if (session.key === key) this.step(session, { type: "ack", sequence });
    this.#control.push((writer) => writer.ack(0, sequence, key));
  }

  step(session: Session, event: SessionEvent): void {
    const before = session.state;
    step(session, event, this.#out);
    if (session.state !== before)
      this.#stage.note(
        () => `s${this.slot} ${session.key} ${session.id} ${before} -> ${session.state} by ${event.type}`,
      );
  }

  /** Picks one pending task. */
  act(): void {
    const { random, routed } = this.#stage;
    const todo: (() => void)[] = [];
    if (this.#read < routed[this.slot]!.records.length) todo.push(() => this.#readRouted());
    if (this.#reads.length > 0) todo.push(() => this.#readPostgres());
    if (this.#control.length > 0) todo.push(() => this.#sendControl());
    if (random.in(0.01)) this.safetyNet();
    if (todo.length > 0) random.pick(todo)();
  }

  #register(session: Session): void {
    const { registry } = this.#stage;
    const id = { slot: this.slot, incarnation: this.incarnation, session: session.id };
    if (!registry.has(session.key)) registry.set(session.key, new Map());
    registry.get(session.key)!.set(`${id.slot}:${id.incarnation}:${id.session}`, id);
  }

  /** The same as services/distributor/sessions/routed-consumer.ts. */
  #readRouted(): void {
    const record = this.#stage.routed[this.slot]!.records[this.#read];
    if (!record) return;
    this.#read += 1;
    if (this.#stage.losing && this.#stage.random.in(this.#stage.rates.lose)) {
      this.#stage.note(() => `s${this.slot} loses a routed record`);
      return;
    }
    readPack(record.value!, (kind, body) => {
      const message = kind === Kind.DELIVER ? readDeliver(body) : asRouted(readMessage(body));
      // The simulation has no courier and no operator.
      if (!("kind" in message) && (message.type === "inbox" || message.type === "disconnect")) return;
      const { incarnation, generation } = message;
      const older = generation < this.#newest;
      this.#newest = Math.max(this.#newest, generation);
      if (incarnation !== this.incarnation || older) return;
      const session = this.#wires.get(message.session)?.session;
      if ("kind" in message) {
        const { prev, sequence, appended, body: row } = message;
        if (session) this.step(session, { type: "deliver", generation, prev, row: { sequence, appended, body: row } });
        else
          this.#say({
            type: "refuse",
            key: notificationBody.key(row),
            generation,
            reason: "unknown",
            ...this.#id(message.session),
          });
      } else if (!session) {
        if (message.type === "invite") this.#say({ type: "close", key: message.key, ...this.#id(message.session) });
      } else if (message.type === "held") {
        const { hold, stored, queued } = message;
        const known = { ...(stored === undefined ? {} : { stored }), ...(queued === undefined ? {} : { queued }) };
        this.step(session, { type: "held", generation, hold, ...known });
        if (this.#stage.mutant === "no read under the hold" && session.state === "CHECKING") {
          this.step(session, { type: "page", read: session.read, rows: [], more: false });
        }
      } else if (
        message.type === "demoted" &&
        message.resume === undefined &&
        this.#stage.mutant.startsWith("wake-ups lost")
      ) {
        this.#stage.note(() => `s${this.slot} loses a wake-up`);
      } else if (message.type === "demoted") {
        this.step(session, {
          type: "demoted",
          generation,
          ...(message.resume === undefined ? {} : { resume: message.resume }),
        });
      } else {
        this.step(session, { type: "invited", generation });
      }
    });
  }

  #readPostgres(): void {
    const stage = this.#stage;
    const job = stage.random.pick(this.#reads);
    if (job.page === undefined) {
      job.page = stage.postgres.away ? "failed" : stage.postgres.after(job.session.key, job.from);
      return;
    }
    this.#reads.splice(this.#reads.indexOf(job), 1);
    if (job.session.state === "CLOSED") return;
    if (job.page === "failed") this.step(job.session, { type: "readFailed", read: job.read });
    else {
      const page = stage.mutant === "replay skipped" ? { rows: [], more: false } : job.page;
      this.step(job.session, { type: "page", read: job.read, ...page });
    }
  }

  #sendControl(): void {
    const write = this.#control.shift();
    if (!write) return;
    const writer = new PackWriter(128);
    write(writer);
    const value = writer.take();
    this.#stage.control.append(value, this.#stage.now);
    if (this.#stage.random.in(0.03)) this.#stage.control.append(value, this.#stage.now);
  }

  #id(session: number) {
    return { slot: this.slot, incarnation: this.incarnation, session };
  }

  #say(message: ControlMessage): void {
    this.#control.push((writer) => writer.signal(message));
  }

  #output(): SessionOutput {
    const stage = this.#stage;
    return {
      prepareMs: 2_000,
      read: (session) => this.#reads.push({ session, read: session.read, from: session.sent }),
      prepare: ({ key, sent, acked, acknowledges, id }) =>
        this.#say({ type: "prepare", key, sent, acked, acknowledges, ...this.#id(id) }),
      commit: ({ key, generation, hold, sent, id }) =>
        this.#say({ type: "commit", key, generation, hold, sent, ...this.#id(id) }),
      release: ({ key, generation, hold, id }) =>
        this.#say({ type: "release", key, generation, hold, ...this.#id(id) }),
      refuse: ({ key, generation, id }, reason) =>
        this.#say({ type: "refuse", key, generation, reason, ...this.#id(id) }),
      close: ({ key, id }) => this.#say({ type: "close", key, ...this.#id(id) }),
      ack: ({ key, id }, sequence) => {
        stage.checkAcknowledged(key, sequence);
        this.#control.push((writer) => writer.ack(id, sequence, key));
      },
      deleteStored: ({ key }, upTo) => {
        if (stage.postgres.away) return;
        const keep = stage.mutant !== "a distributor that deletes what asks for an outcome";
        // The same as services/distributor/sessions/delete-stored.ts.
        if (stage.postgres.deleteUpTo(key, upTo, keep).length > 0)
          this.#control.push((writer) => writer.ack(0, upTo, key));
      },
      write: (session, row) => {
        const wire = this.#wires.get(session.id);
        if (!wire || wire.rows.length >= OUTBOX) return false;
        wire.rows.push(row);
        return true;
      },
      flush: (session) => (this.#wires.get(session.id)?.rows.length ?? OUTBOX) < OUTBOX,
      congested: (session) => (this.#wires.get(session.id)?.rows.length ?? 1) > 0,
      given: (session) =>
        stage.mutant === "what waits in the outbox counts as given"
          ? session.sent
          : (this.#wires.get(session.id)?.given ?? START),
      caughtUp: () => {},
      tell: (session, what) => {
        const wire = this.#wires.get(session.id);
        if (!wire || what !== "connected") return;
        wire.rows.length = 0;
        wire.given = START;
        wire.resumed = session.sent;
      },
      timer: (session, ms) => {
        if (ms === undefined) this.#timers.delete(session.id);
        else this.#timers.set(session.id, stage.now + ms);
      },
    };
  }
}
