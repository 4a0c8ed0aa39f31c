import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { START, toCursor, type ClientKey, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Deletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import { encode } from "./notification-json.ts";
import type { DistributorMetrics, Source } from "#metrics.ts";
import type { Peer } from "./connection.ts";
import type { Reads } from "./replay-reader.ts";
import type { Row, Session, SessionEvent, SessionOutput } from "./session.ts";
import type { DistributorSettings } from "#settings.ts";
import type { Upstream } from "./control-producer.ts";

/** The longest frame that a client may send. */
const FRAME_BYTES = 16 * 1024;

/** The connections behind the sessions. */
export interface SessionPeers {
  find(session: number): Peer | undefined;
  step(peer: Peer, event: SessionEvent): void;
  /** Its replay is over. */
  live(peer: Peer): void;
}

export interface SessionEffectsParts {
  upstream: Upstream;
  reads: Pick<Reads, "page">;
  deletions: Pick<Deletions, "add">;
  metrics: DistributorMetrics;
  log: Pick<Log, "info">;
  settings: Pick<DistributorSettings, "HEARTBEAT_MS" | "PREPARE_MS">;
  /** ms since 1970. */
  wall: () => number;
}

/** What a session's outputs do here: to its connection, to the directors and to Postgres. */
export class SessionEffects implements SessionOutput {
  readonly prepareMs: number;
  readonly #peers: SessionPeers;
  readonly #parts: SessionEffectsParts;
  readonly #dirty = new Set<Peer>();
  #flushing = false;

  constructor(peers: SessionPeers, parts: SessionEffectsParts) {
    this.#peers = peers;
    this.#parts = parts;
    this.prepareMs = parts.settings.PREPARE_MS;
  }

  prepare(session: Session): void {
    this.#parts.upstream.prepare(session);
  }

  commit(session: Session): void {
    this.#parts.upstream.commit(session);
  }

  release(session: Session): void {
    this.#parts.upstream.release(session);
  }

  refuse(session: Session, reason: RefusalReason): void {
    this.#parts.metrics.refused(reason);
    this.#parts.upstream.refuse(session, reason);
  }

  close(session: Session): void {
    this.#parts.upstream.close(session);
  }

  ack({ partition, key, id }: Session, sequence: Sequence): void {
    this.#parts.metrics.acknowledged();
    this.#parts.upstream.ack(partition, key, id, sequence);
  }

  deleteStored({ key }: Session, upTo: Sequence): void {
    this.#parts.deletions.add(key, upTo);
  }

  read(session: Session): void {
    const { read } = session;
    const answer = (event: SessionEvent): void => {
      const peer = this.#peers.find(session.id);
      if (peer) this.#peers.step(peer, event);
    };
    this.#parts.reads.page(session).then(
      (page) => answer({ type: "page", read, ...page }),
      () => {
        this.#parts.metrics.failed("postgres");
        answer({ type: "readFailed", read });
      },
    );
  }

  write(session: Session, row: Row): boolean {
    const peer = this.#peers.find(session.id);
    if (!peer) return false;
    const source = session.state === "LIVE" ? "live" : "stored";
    const late = this.#lateness(session.key, row, source);
    if (late?.()) return true;
    const item = { sequence: row.sequence, json: encode(row, peer.tag), ...(late ? { late } : {}) };
    if (!peer.wire.outbox.add(item)) return false;
    this.#parts.metrics.delivered(peer.wire.transport, source);
    this.#flushSoon(peer);
    return true;
  }

  flush({ id }: Session): boolean {
    const outbox = this.#peers.find(id)?.wire.outbox;
    outbox?.flush();
    return outbox?.bytes === 0;
  }

  congested({ id }: Session): boolean {
    return this.#peers.find(id)?.wire.outbox.congested ?? true;
  }

  given({ id }: Session): Sequence {
    return this.#peers.find(id)?.wire.outbox.given ?? START;
  }

  caughtUp({ id }: Session): void {
    this.#peers.find(id)?.wire.caughtUp?.();
  }

  tell(session: Session, what: "connected" | "live" | "replay_pending"): void {
    const peer = this.#peers.find(session.id);
    if (!peer) return;
    // In order with the notifications before it: "live" says that the replay is over.
    peer.wire.outbox.flush();
    if (what === "live") {
      this.#peers.live(peer);
      peer.wire.tell({ type: "live" });
    } else if (what === "replay_pending") peer.wire.tell({ type: "replay_pending", retryAfter: 1 });
    else {
      // What is left would come behind `connected`, and again in its place.
      peer.wire.outbox.discard();
      peer.wire.tell({
        type: "connected",
        cursor: toCursor(session.sent, peer.tag),
        heartbeat: this.#parts.settings.HEARTBEAT_MS / 1_000,
        limits: { frameBytes: FRAME_BYTES },
        ping: true,
      });
    }
  }

  timer({ id }: Session, ms: number | undefined): void {
    const peer = this.#peers.find(id);
    if (!peer) return;
    clearTimeout(peer.timer);
    peer.timer =
      ms === undefined
        ? undefined
        : setTimeout(() => this.#peers.step(peer, { type: "timeout" }), ms * (0.75 + Math.random() / 2));
  }

  /** The connection is gone. */
  forget(peer: Peer): void {
    this.#dirty.delete(peer);
    clearTimeout(peer.timer);
  }

  /** It keeps the id, and not the body: that is a view into all that was fetched with it. */
  #lateness(client: ClientKey, { appended, body }: Row, source: Source): (() => boolean) | undefined {
    const ttl = notificationBody.ttl(body);
    if (ttl === 0) return undefined;
    const notification = notificationBody.id(body);
    return () => {
      const over = appended + ttl * 1_000 <= this.#parts.wall();
      if (over) {
        this.#parts.metrics.expired(source);
        this.#parts.log.info({ client, notification, source }, "expired on its last step");
      }
      return over;
    };
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
        if (dirty.session.state === "REPLAYING" && !dirty.wire.outbox.congested)
          this.#peers.step(dirty, { type: "drained" });
      }
    });
  }
}
