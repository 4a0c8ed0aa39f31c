import {
  packSequence,
  sequenceAt,
  START,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/protocol/notification.ts";
import type { SimulatedDistributor, Wire } from "./distributor.ts";
import { ASKS_FOR_RETRACTS } from "./endings.ts";
import { EPOCH, short, Violation, type Stage } from "./stage.ts";

interface Connection {
  distributor: SimulatedDistributor;
  wire: Wire;
  /** The last cursor that it received, or its start. */
  last: Sequence;
  /** The network is gone unnoticed, so nothing is read from it. */
  halfOpen: boolean;
  /** The server did not know the cursor, so it also sends earlier unacknowledged notifications. */
  resumed: boolean;
}

/** A client with one cursor for all its connections: it keeps what it received, and resumes there. */
export class SimulatedClient {
  readonly key: ClientKey;
  /** How many of its connections ask for retracts. */
  readonly #retracts: number;
  readonly #stage: Stage;
  readonly #distributors: readonly SimulatedDistributor[];
  readonly #many: boolean;
  readonly #acknowledges: boolean;
  #cursor: Sequence = START;
  #connections: Connection[] = [];

  /** `many`: it may have two connections at once. */
  constructor(stage: Stage, distributors: readonly SimulatedDistributor[], key: ClientKey, many: boolean) {
    this.#stage = stage;
    this.#distributors = distributors;
    this.key = key;
    this.#many = many;
    this.#acknowledges = key !== "t/b";
    this.#retracts = key === ASKS_FOR_RETRACTS ? 1 : key === "t/b" ? 0 : 0.5;
  }

  act(): void {
    const { random, rates } = this.#stage;
    if (this.#stage.losing && random.in(rates.madeUp)) this.#makeUp();
    const roll = random.next();
    if (roll < rates.connect) this.#connect();
    else if (roll < rates.connect + rates.disconnect && this.#connections.length > 0)
      this.#disconnect(random.pick(this.#connections));
    else if (this.#connections.length > 0) this.#receive(random.pick(this.#connections));
  }

  heal(): void {
    for (const connection of this.#connections) if (connection.halfOpen) this.#disconnect(connection);
    if (this.#connections.length === 0) this.#connect();
    for (const connection of this.#connections) for (let turn = 0; turn < 8; turn += 1) this.#receive(connection);
  }

  lostAt(distributor: SimulatedDistributor): void {
    this.#connections = this.#connections.filter((connection) => connection.distributor !== distributor);
  }

  #connect(cursor = this.#cursor): void {
    if (this.#connections.length > (this.#many ? 1 : 0)) return;
    const distributor = this.#stage.random.pick(this.#distributors);
    const retracts = this.#stage.random.in(this.#retracts);
    const wire = distributor.connect(this.key, cursor, { acknowledges: this.#acknowledges, retracts });
    this.#connections.push({ distributor, wire, last: cursor, halfOpen: false, resumed: false });
  }

  /**
   * Sends an invented cursor, in every possible way: of another epoch, of an unwritten offset,
   * or of a notification that this connection did not get. It must acknowledge nothing.
   */
  #makeUp(): void {
    const { random, accepted, published } = this.#stage;
    const beyond = random.pick([
      sequenceAt(packSequence(EPOCH + 1, 0), 0),
      sequenceAt(packSequence(EPOCH, accepted.records.length + 10_000), 0),
    ]);
    const connection = this.#connections.at(-1);
    this.#stage.note(() => `${this.key} invents a cursor`);
    const way = random.below(3);
    if (way === 0) this.#connect(beyond);
    else if (way === 1) random.pick(this.#distributors).acknowledge(this.key, beyond);
    else if (connection) {
      const unread = (published.get(this.key) ?? []).filter((sequence) => sequence > connection.last);
      const sequence = random.pick([beyond, ...unread]);
      connection.distributor.step(connection.wire.session, { type: "ack", sequence });
    }
  }

  /** Data on the wire is lost then, as with a broken socket. */
  #disconnect(connection: Connection): void {
    connection.distributor.disconnect(connection.wire);
    this.#connections = this.#connections.filter((other) => other !== connection);
  }

  #receive(connection: Connection): void {
    if (connection.halfOpen) return;
    if (this.#stage.losing && this.#stage.random.in(this.#stage.rates.halfOpen)) connection.halfOpen = true;
    const { wire } = connection;
    if (wire.resumed !== undefined) {
      connection.last = wire.resumed;
      connection.resumed = true;
      delete wire.resumed;
    }
    const row = wire.rows.shift();
    if (row) {
      wire.given = row.sequence;
      this.#received(connection, row.sequence);
    }
    connection.distributor.drained(connection.wire);
    const { session } = connection.wire;
    if (!this.#stage.random.in(0.5) || connection.last <= session.acked || session.state === "CLOSED") return;
    if (!this.#acknowledges && !this.#stage.random.in(0.1)) return;
    if (this.#stage.random.in(0.2)) this.#stage.random.pick(this.#distributors).acknowledge(this.key, connection.last);
    else connection.distributor.step(session, { type: "ack", sequence: connection.last });
  }

  #received(connection: Connection, sequence: Sequence): void {
    const stage = this.#stage;
    stage.note(() => `${this.key} receives ${short(sequence)} on ${connection.wire.session.id}`);
    if (sequence <= connection.last)
      throw new Violation(stage, `${this.key} got ${short(sequence)} after ${short(connection.last)}`);
    if (stage.endings.isRetract(sequence) && !connection.wire.session.retracts)
      throw new Violation(stage, `${this.key} got the retract ${short(sequence)} without asking for retracts`);
    const skipped = (stage.published.get(this.key) ?? []).filter(
      (other) =>
        other > connection.last &&
        other < sequence &&
        !stage.endings.needNotArrive(this.key, other) &&
        !((this.#many || connection.resumed) && stage.has(this.key, other)),
    );
    if (skipped.length > 0)
      throw new Violation(stage, `${this.key} got ${short(sequence)} without ${skipped.map(short).join(" ")}`);
    connection.last = sequence;
    const received = stage.received.get(this.key) ?? new Set();
    stage.received.set(this.key, received.add(sequence));
    if (sequence > this.#cursor) this.#cursor = sequence;
  }
}
