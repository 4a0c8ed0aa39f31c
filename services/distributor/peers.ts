import {
  cursorTag,
  partitionOf,
  START,
  toCursor,
  type ClientKey,
  type Sequence,
} from "@saasaparilla/shared/notification.ts";
import { Closes, type Close } from "@saasaparilla/shared/closes.ts";
import { randomInt } from "node:crypto";
import { encode } from "./encode.ts";
import type { DistributorMetrics, Source, Transport } from "./metrics.ts";
import { notificationBody } from "@saasaparilla/shared/pack.ts";
import type { Opening, Peer } from "./peer.ts";
import {
  createSession,
  type Page,
  type Row,
  type Session,
  type SessionEvent,
  type SessionOutput,
  type SessionState,
} from "./session.ts";
import { step } from "./session-step.ts";
import type { Shares } from "./shares.ts";
import type { Upstream } from "./upstream.ts";

export interface PeersOptions {
  partitions: number;
  upstream: Upstream;
  read(session: Session): Promise<Page>;
  shares: Shares;
  /** Connections of one client of this tenant, at most. */
  mostOfClient(tenant: string): number;
  deleteStored(key: ClientKey, upTo: Sequence): void;
  registered(peer: Peer): void;
  unregistered(peer: Peer): void;
  live(peer: Peer): void;
  /** On its last step: it was not sent. What is stored stays, for the sweep to count. */
  expired(key: ClientKey, id: string, source: Source): void;
  metrics: DistributorMetrics;
  heartbeatMs: number;
  prepareMs: number;
  frameBytes: number;
  wall: () => number;
}

/** Every connection of this distributor, and what its session's effects mean here. */
export class Peers {
  readonly #options: PeersOptions;
  readonly #bySession = new Map<number, Peer>();
  readonly #byClient = new Map<ClientKey, Set<Peer>>();
  readonly #dirty = new Set<Peer>();
  readonly #output: SessionOutput;
  #nextSession = randomInt(1, 2 ** 31);
  #flushing = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#output = this.#createOutput();
    options.metrics.watch({
      sessions: () => this.#counts().transports,
      states: () => this.#counts().states,
      outboxBytes: () => this.#counts().outboxBytes,
    });
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
        partition: partitionOf(key, this.#options.partitions),
        acknowledges: wire.acknowledges,
      },
      cursor,
    );
    this.#nextSession = (this.#nextSession % 0xffff_fffe) + 1;
    const since = this.#options.wall();
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
    wire.outbox.belongsTo(this.#options.shares.opened(identity.tenant));
    this.#makeRoom(key, identity.tenant);
    let peers = this.#byClient.get(key);
    if (!peers) this.#byClient.set(key, (peers = new Set()));
    peers.add(peer);
    this.#options.metrics.opened(wire.transport);
    this.#output.tell(session, "connected");
    this.#options.registered(peer);
    this.step(peer, { type: "opened" });
    return peer;
  }

  step(peer: Peer, event: SessionEvent): void {
    step(peer.session, event, this.#output);
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
    return connections === 0 ? 0 : connections + 1 - this.#options.mostOfClient(tenant);
  }

  /** The transport's connection is gone. */
  closed(peer: Peer): void {
    if (!this.#bySession.delete(peer.session.id)) return;
    this.#dirty.delete(peer);
    clearTimeout(peer.timer);
    const peers = this.#byClient.get(peer.session.key);
    peers?.delete(peer);
    if (peers?.size === 0) this.#byClient.delete(peer.session.key);
    this.step(peer, { type: "closed" });
    peer.wire.outbox.discard();
    this.#options.shares.closed(peer.identity.tenant);
    this.#options.unregistered(peer);
  }

  /** Ends it with a code that says what to do next. */
  end(peer: Peer, close: Close): void {
    if (!this.#bySession.has(peer.session.id)) return;
    this.#options.metrics.closed(close.reason);
    peer.wire.tell({ type: "closing", ...close });
    this.closed(peer);
    peer.wire.end(close);
  }

  pingIgnored(): void {
    this.#options.metrics.pingIgnored();
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

  #createOutput(): SessionOutput {
    const { upstream, metrics } = this.#options;
    const peerOf = (session: Session): Peer | undefined => this.#bySession.get(session.id);
    return {
      prepareMs: this.#options.prepareMs,
      read: (session) => this.#read(session),
      prepare: (session) => upstream.prepare(session),
      commit: (session) => upstream.commit(session),
      release: (session) => upstream.release(session),
      refuse: (session, reason) => {
        metrics.refused(reason);
        upstream.refuse(session, reason);
      },
      close: (session) => upstream.close(session),
      ack: (session, sequence) => {
        metrics.acknowledged();
        upstream.ack(session.partition, session.key, session.id, sequence);
      },
      deleteStored: (session, upTo) => this.#options.deleteStored(session.key, upTo),
      write: (session, row) => {
        const peer = peerOf(session);
        if (!peer) return false;
        const source = session.state === "LIVE" ? "live" : "stored";
        const late = this.#lateness(session.key, row, source);
        if (late?.()) return true;
        const item = { sequence: row.sequence, json: encode(row, peer.tag), ...(late ? { late } : {}) };
        if (!peer.wire.outbox.add(item)) return false;
        metrics.delivered(peer.wire.transport, source);
        this.#flushSoon(peer);
        return true;
      },
      flush(session) {
        const outbox = peerOf(session)?.wire.outbox;
        outbox?.flush();
        return outbox?.bytes === 0;
      },
      congested: (session) => peerOf(session)?.wire.outbox.congested ?? true,
      given: (session) => peerOf(session)?.wire.outbox.given ?? START,
      caughtUp: (session) => peerOf(session)?.wire.caughtUp?.(),
      tell: (session, what) => this.#tell(session, what),
      timer: (session, ms) => {
        const peer = peerOf(session);
        if (!peer) return;
        clearTimeout(peer.timer);
        peer.timer =
          ms === undefined
            ? undefined
            : setTimeout(() => this.step(peer, { type: "timeout" }), ms * (0.75 + Math.random() / 2));
      },
    };
  }

  /** It keeps the id, and not the body: that is a view into all that was fetched with it. */
  #lateness(key: ClientKey, { appended, body }: Row, source: Source): (() => boolean) | undefined {
    const ttl = notificationBody.ttl(body);
    if (ttl === 0) return undefined;
    const id = notificationBody.id(body);
    return () => {
      const over = appended + ttl * 1_000 <= this.#options.wall();
      if (over) this.#options.expired(key, id, source);
      return over;
    };
  }

  #tell(session: Session, what: "connected" | "live" | "replay_pending"): void {
    const peer = this.#bySession.get(session.id);
    if (!peer) return;
    const { heartbeatMs, frameBytes } = this.#options;
    // In order with the notifications before it: "live" says that the replay is over.
    peer.wire.outbox.flush();
    if (what === "live") {
      this.#options.live(peer);
      peer.wire.tell({ type: "live" });
    } else if (what === "replay_pending") peer.wire.tell({ type: "replay_pending", retryAfter: 1 });
    else {
      // What is left would come behind `connected`, and again in its place.
      peer.wire.outbox.discard();
      peer.wire.tell({
        type: "connected",
        cursor: toCursor(session.sent, peer.tag),
        heartbeat: heartbeatMs / 1_000,
        limits: { frameBytes },
        ping: true,
      });
    }
  }

  #read(session: Session): void {
    const { read } = session;
    const answer = (event: SessionEvent): void => {
      const peer = this.#bySession.get(session.id);
      if (!peer) return;
      this.step(peer, event);
    };
    this.#options.read(session).then(
      (page) => answer({ type: "page", read, ...page }),
      () => {
        this.#options.metrics.failed("postgres");
        answer({ type: "readFailed", read });
      },
    );
  }

  /** Once at the end of what is being handled: what one batch brings to a peer goes out in one frame. */
  #flushSoon(peer: Peer): void {
    this.#dirty.add(peer);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      const peers = [...this.#dirty];
      this.#dirty.clear();
      for (const dirty of peers) {
        dirty.wire.outbox.flush();
        // The replay goes on where the peer took all of the page.
        if (dirty.session.state === "REPLAYING" && !dirty.wire.outbox.congested) this.step(dirty, { type: "drained" });
      }
    });
  }
}
