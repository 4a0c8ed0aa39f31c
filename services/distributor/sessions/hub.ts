import { randomInt } from "node:crypto";
import { Closes, type Close } from "@saasaparilla/shared/protocol/close-codes.ts";
import { cursorTag, partitionOf, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import type { LimitsOf } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { Transport } from "#metrics.ts";
import type { Opening, Peer } from "./connection.ts";
import { SessionEffects, type SessionEffectsParts, type SessionPeers } from "./session-effects.ts";
import { createSession, type SessionEvent, type SessionState } from "./session.ts";
import { step } from "./session-table.ts";
import type { Shares } from "#admission/tenant-usage.ts";

export interface PeersParts extends SessionEffectsParts {
  partitions: number;
  shares: Shares;
  limitsOf: LimitsOf;
}

/** Told of each connection. */
export interface PeerObserver {
  opened?(peer: Peer): void;
  /** Its replay is over. */
  live?(peer: Peer): void;
  closed?(peer: Peer): void;
}

/** Every connection of this distributor. */
export class Peers implements SessionPeers {
  readonly #parts: PeersParts;
  readonly #effects: SessionEffects;
  readonly #observers: PeerObserver[] = [];
  readonly #bySession = new Map<number, Peer>();
  readonly #byClient = new Map<ClientKey, Set<Peer>>();
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

  /** In the order in which they are told. */
  observe(...observers: PeerObserver[]): void {
    this.#observers.push(...observers);
  }

  get size(): number {
    return this.#bySession.size;
  }

  all(): IterableIterator<Peer> {
    return this.#bySession.values();
  }

  find(session: number): Peer | undefined {
    return this.#bySession.get(session);
  }

  ofClient(key: ClientKey): Iterable<Peer> {
    return this.#byClient.get(key) ?? [];
  }

  open({ key, identity, cursor, address, origin, wire }: Opening): Peer {
    const session = createSession(
      {
        key,
        id: this.#nextSession,
        partition: partitionOf(key, this.#parts.partitions),
        acknowledges: wire.acknowledges,
      },
      cursor,
    );
    this.#nextSession = (this.#nextSession % 0xffff_fffe) + 1;
    const since = this.#parts.wall();
    const peer: Peer = {
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
    this.#bySession.set(session.id, peer);
    wire.outbox.belongsTo(this.#parts.shares.opened(identity.tenant));
    this.#makeRoom(key, identity.tenant);
    let peers = this.#byClient.get(key);
    if (!peers) this.#byClient.set(key, (peers = new Set()));
    peers.add(peer);
    this.#parts.metrics.opened(wire.transport);
    this.#effects.tell(session, "connected");
    for (const observer of this.#observers) observer.opened?.(peer);
    this.step(peer, { type: "opened" });
    return peer;
  }

  step(peer: Peer, event: SessionEvent): void {
    step(peer.session, event, this.#effects);
  }

  live(peer: Peer): void {
    for (const observer of this.#observers) observer.live?.(peer);
  }

  /** False where one more connection of this client would end another one that is in use. */
  fits({ key, identity: { tenant } }: Pick<Opening, "key" | "identity">): boolean {
    const over = this.#over(key, tenant);
    return over <= 0 || [...this.ofClient(key)].filter(({ wire }) => wire.idleSince !== undefined).length >= over;
  }

  /** The loops that are idle for longest go first, then the oldest connections. */
  #makeRoom(key: ClientKey, tenant: string): void {
    const over = this.#over(key, tenant);
    if (over <= 0) return;
    const idleSince = ({ wire }: Peer): number => wire.idleSince ?? Number.MAX_VALUE;
    const leaving = [...this.ofClient(key)].sort((one, other) => idleSince(one) - idleSince(other)).slice(0, over);
    for (const peer of leaving) this.end(peer, Closes.replaced);
  }

  /** How many connections of a client would be too many with one more. */
  #over(key: ClientKey, tenant: string): number {
    const connections = this.#byClient.get(key)?.size ?? 0;
    return connections === 0 ? 0 : connections + 1 - this.#parts.limitsOf(tenant).clientConnections;
  }

  /** The transport's connection is gone. */
  closed(peer: Peer): void {
    if (!this.#bySession.delete(peer.session.id)) return;
    this.#effects.forget(peer);
    const peers = this.#byClient.get(peer.session.key);
    peers?.delete(peer);
    if (peers?.size === 0) this.#byClient.delete(peer.session.key);
    this.step(peer, { type: "closed" });
    peer.wire.outbox.discard();
    this.#parts.shares.closed(peer.identity.tenant);
    for (const observer of this.#observers) observer.closed?.(peer);
  }

  /** Ends it with a code that says what to do next. */
  end(peer: Peer, close: Close): void {
    if (!this.#bySession.has(peer.session.id)) return;
    this.#parts.metrics.closed(close.reason);
    peer.wire.tell({ type: "closing", ...close });
    this.closed(peer);
    peer.wire.end(close);
  }

  pingIgnored(): void {
    this.#parts.metrics.pingIgnored();
  }

  drained(peer: Peer): void {
    if (peer.wire.outbox.drained()) this.step(peer, { type: "drained" });
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
