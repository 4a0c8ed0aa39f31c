import { randomInt } from "node:crypto";
import { CloseCodes, type Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import { cursorTag, partitionOf, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { Transport } from "#metrics.ts";
import type { Opening, Connection } from "./connection.ts";
import { SessionEffects, type SessionEffectsParts, type SessionPeers } from "./session-effects.ts";
import { createSession, type SessionEvent, type SessionState } from "./session.ts";
import { step } from "./session-table.ts";
import type { TenantUsage } from "#admission/tenant-usage.ts";

export interface PeersParts extends SessionEffectsParts {
  partitions: number;
  usage: TenantUsage;
  limitsOf: LimitsOf;
}

/** Observes each connection. */
export interface PeerObserver {
  opened?(connection: Connection): void;
  /** Its replay is over. */
  live?(connection: Connection): void;
  closed?(connection: Connection): void;
}

/** Every connection of this distributor. */
export class Hub implements SessionPeers {
  readonly #parts: PeersParts;
  readonly #effects: SessionEffects;
  readonly #observers: PeerObserver[] = [];
  readonly #bySession = new Map<number, Connection>();
  readonly #byClient = new Map<ClientKey, Set<Connection>>();
  #nextSession = randomInt(1, 2 ** 31);

  constructor(parts: PeersParts) {
    this.#parts = parts;
    this.#effects = new SessionEffects(this, parts);
    parts.metrics.watch({
      sessions: () => this.#counts().transports,
      states: () => this.#counts().states,
      outboxBytes: () => this.#counts().outboxBytes,
    });
  }

  /** In notification order. */
  observe(...observers: PeerObserver[]): void {
    this.#observers.push(...observers);
  }

  get size(): number {
    return this.#bySession.size;
  }

  all(): IterableIterator<Connection> {
    return this.#bySession.values();
  }

  find(session: number): Connection | undefined {
    return this.#bySession.get(session);
  }

  ofClient(key: ClientKey): Iterable<Connection> {
    return this.#byClient.get(key) ?? [];
  }

  open({ key, identity, cursor, retracts, address, origin, wire }: Opening): Connection {
    const session = createSession(
      {
        key,
        id: this.#nextSession,
        partition: partitionOf(key, this.#parts.partitions),
        acknowledges: wire.acknowledges,
        retracts,
      },
      cursor,
    );
    this.#nextSession = (this.#nextSession % 0xffff_fffe) + 1;
    const since = this.#parts.wall();
    const connection: Connection = {
      session,
      wire,
      identity,
      address,
      origin,
      tag: cursorTag(key),
      since,
      timer: undefined,
      askedToRenew: undefined,
    };
    this.#bySession.set(session.id, connection);
    wire.outbox.belongsTo(this.#parts.usage.opened(identity.tenant));
    this.#makeRoom(key, identity.tenant);
    let connections = this.#byClient.get(key);
    if (!connections) this.#byClient.set(key, (connections = new Set()));
    connections.add(connection);
    this.#parts.metrics.opened(wire.transport);
    this.#effects.tell(session, "connected");
    for (const observer of this.#observers) observer.opened?.(connection);
    this.step(connection, { type: "opened" });
    return connection;
  }

  step(connection: Connection, event: SessionEvent): void {
    step(connection.session, event, this.#effects);
    if (event.type === "ack") this.#effects.acknowledged(connection.session);
  }

  live(connection: Connection): void {
    for (const observer of this.#observers) observer.live?.(connection);
  }

  /** False if one more connection of this client would end another one in use. */
  fits({ key, identity: { tenant } }: Pick<Opening, "key" | "identity">): boolean {
    const over = this.#over(key, tenant);
    return over <= 0 || [...this.ofClient(key)].filter(({ wire }) => wire.idleSince !== undefined).length >= over;
  }

  /** The loops that are idle the longest go first, then the oldest connections. */
  #makeRoom(key: ClientKey, tenant: string): void {
    const over = this.#over(key, tenant);
    if (over <= 0) return;
    const idleSince = ({ wire }: Connection): number => wire.idleSince ?? Number.MAX_VALUE;
    const leaving = [...this.ofClient(key)].sort((one, other) => idleSince(one) - idleSince(other)).slice(0, over);
    for (const connection of leaving) this.end(connection, CloseCodes.replaced);
  }

  /** The number of excess connections of a client if one more opens. */
  #over(key: ClientKey, tenant: string): number {
    const connections = this.#byClient.get(key)?.size ?? 0;
    return connections === 0 ? 0 : connections + 1 - this.#parts.limitsOf(tenant).clientConnections;
  }

  /** The transport's connection is closed. */
  closed(connection: Connection): void {
    if (!this.#bySession.delete(connection.session.id)) return;
    this.#effects.forget(connection);
    const connections = this.#byClient.get(connection.session.key);
    connections?.delete(connection);
    if (connections?.size === 0) this.#byClient.delete(connection.session.key);
    this.step(connection, { type: "closed" });
    connection.wire.outbox.discard();
    this.#parts.usage.closed(connection.identity.tenant);
    for (const observer of this.#observers) observer.closed?.(connection);
  }

  /** Ends the connection with a code that tells the client what to do next. */
  end(connection: Connection, close: Close): void {
    if (!this.#bySession.has(connection.session.id)) return;
    this.#parts.metrics.closed(close.reason);
    connection.wire.tell({ type: "closing", ...close });
    this.closed(connection);
    connection.wire.end(close);
  }

  pingIgnored(): void {
    this.#parts.metrics.pingIgnored();
  }

  drained(connection: Connection): void {
    if (connection.wire.outbox.drained()) this.step(connection, { type: "drained" });
  }

  #counts(): { transports: Map<Transport, number>; states: Map<SessionState, number>; outboxBytes: number } {
    const transports = new Map<Transport, number>([
      ["websocket", 0],
      ["sse", 0],
      ["poll", 0],
    ]);
    const states = new Map<SessionState, number>([
      ["REPLAYING", 0],
      ["PREPARING", 0],
      ["CHECKING", 0],
      ["LIVE", 0],
    ]);
    let outboxBytes = 0;
    for (const { wire, session } of this.#bySession.values()) {
      transports.set(wire.transport, transports.get(wire.transport)! + 1);
      states.set(session.state, states.get(session.state)! + 1);
      outboxBytes += wire.outbox.bytes;
    }
    return { transports, states, outboxBytes };
  }
}
