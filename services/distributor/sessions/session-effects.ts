import { CLIENT_FRAME_BYTES } from "@saasaparilla/shared/protocol/client-frames.ts";
import { isTraced } from "@saasaparilla/shared/tracing/spans.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { START, toCursor, type Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { StoredDeletions } from "@saasaparilla/shared/postgres/stored-deletions.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { connectionOf, type RefusalReason } from "@saasaparilla/shared/protocol/control-messages.ts";
import { DeliverySpans } from "./delivery-spans.ts";
import { notificationJson, retractJson } from "./notification-json.ts";
import type { DistributorMetrics, Source } from "#metrics.ts";
import type { Connection } from "./connection.ts";
import type { ReplayReader } from "./replay-reader.ts";
import type { Row, Session, SessionEvent, SessionOutput } from "./session.ts";
import type { DistributorSettings } from "#settings.ts";
import type { ControlProducer } from "./control-producer.ts";

/** The connections of the sessions. */
export interface SessionPeers {
  find(session: number): Connection | undefined;
  step(connection: Connection, event: SessionEvent): void;
  /** Its replay is over. */
  live(connection: Connection): void;
}

export interface SessionEffectsParts {
  controlProducer: ControlProducer;
  replayReader: Pick<ReplayReader, "page">;
  storedDeletions: Pick<StoredDeletions, "add">;
  events: Events;
  metrics: DistributorMetrics;
  log: Pick<Log, "info">;
  settings: Pick<DistributorSettings, "HEARTBEAT_MS" | "PREPARE_MS">;
  /** ms since 1970. */
  wall: () => number;
}

/** Performs a session's outputs: on its connection, on the directors and on Postgres. */
export class SessionEffects implements SessionOutput {
  readonly prepareMs: number;
  readonly #peers: SessionPeers;
  readonly #parts: SessionEffectsParts;
  readonly #dirty = new Set<Connection>();
  readonly #spans = new DeliverySpans();
  #flushing = false;
  /** The wall clock, read once for each flush. */
  #now = 0;

  constructor(peers: SessionPeers, parts: SessionEffectsParts) {
    this.#peers = peers;
    this.#parts = parts;
    this.prepareMs = parts.settings.PREPARE_MS;
  }

  prepare(session: Session): void {
    this.#parts.controlProducer.prepare(session);
  }

  commit(session: Session): void {
    this.#parts.controlProducer.commit(session);
  }

  release(session: Session): void {
    this.#parts.controlProducer.release(session);
  }

  refuse(session: Session, reason: RefusalReason): void {
    this.#parts.metrics.refused(reason);
    this.#parts.controlProducer.refuse(session, reason);
  }

  close(session: Session): void {
    this.#parts.controlProducer.close(session);
  }

  ack({ partition, key, id }: Session, sequence: Sequence): void {
    this.#parts.metrics.acknowledged();
    this.#parts.controlProducer.ack(partition, key, id, sequence);
  }

  deleteStored({ key }: Session, upTo: Sequence): void {
    this.#parts.storedDeletions.add(key, upTo);
  }

  read(session: Session): void {
    const { read } = session;
    const answer = (event: SessionEvent): void => {
      const connection = this.#peers.find(session.id);
      if (connection) this.#peers.step(connection, event);
    };
    this.#parts.replayReader.page(session).then(
      (page) => answer({ type: "page", read, ...page }),
      () => {
        this.#parts.metrics.failed("postgres");
        answer({ type: "readFailed", read });
      },
    );
  }

  write(session: Session, row: Row): boolean {
    const connection = this.#peers.find(session.id);
    if (!connection) return false;
    const source = session.state === "LIVE" ? "live" : "stored";
    const late = this.#lateness(session, row, source);
    if (late?.()) return true;
    const retract = notificationBody.options(row.body)?.retract === true;
    const json = retract ? retractJson(row, connection.tag) : notificationJson(row, connection.tag);
    const end = notificationBody.followed(row.body) ? this.#ending(connection, row, source) : undefined;
    const item = {
      sequence: row.sequence,
      json,
      ...(retract ? { retract } : {}),
      ...(late ? { late } : {}),
      ...(end ? { end } : {}),
    };
    if (!connection.wire.outbox.add(item)) return false;
    const { transport } = connection.wire;
    this.#flushSoon(connection);
    const seconds = (this.#now - row.appended) / 1_000;
    this.#parts.metrics.delivered(transport, source, seconds, notificationBody.traceId(row.body));
    if (isTraced(row.body)) this.#spans.delivered(session.id, row, { transport, source }, this.#now);
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
    const connection = this.#peers.find(session.id);
    if (!connection) return;
    // Sent after the notifications before it: "live" says that the replay is over.
    connection.wire.outbox.flush();
    if (what === "live") {
      this.#peers.live(connection);
      connection.wire.tell({ type: "live" });
    } else if (what === "replay_pending") connection.wire.tell({ type: "replay_pending", retryAfter: 1 });
    else {
      // Without this, queued items would follow `connected`, and come again at their position.
      connection.wire.outbox.discard();
      connection.wire.tell({
        type: "connected",
        cursor: toCursor(session.sent, connection.tag),
        heartbeat: this.#parts.settings.HEARTBEAT_MS / 1_000,
        limits: { frameBytes: CLIENT_FRAME_BYTES },
        ping: true,
      });
    }
  }

  timer({ id }: Session, ms: number | undefined): void {
    const connection = this.#peers.find(id);
    if (!connection) return;
    clearTimeout(connection.timer);
    connection.timer =
      ms === undefined
        ? undefined
        : setTimeout(() => this.#peers.step(connection, { type: "timeout" }), ms * (0.75 + Math.random() / 2));
  }

  /** After an acknowledgement of the client. */
  acknowledged({ id, acked }: Session): void {
    this.#spans.acknowledged(id, acked);
  }

  /** The connection is closed. */
  forget(connection: Connection): void {
    this.#spans.forget(connection.session.id);
    this.#dirty.delete(connection);
    clearTimeout(connection.timer);
  }

  /** Keeps the id instead of the body, which is a view into the whole fetch. */
  #lateness(session: Session, { appended, body }: Row, source: Source): (() => boolean) | undefined {
    const ttl = notificationBody.ttl(body);
    if (ttl === 0) return undefined;
    const notification = notificationBody.id(body);
    return () => {
      const over = appended + ttl * 1_000 <= this.#parts.wall();
      if (over) {
        this.#parts.metrics.expired(source);
        const connection = this.#nameOf(session);
        this.#parts.events.record("expired", session.key, notification, { where: "connection", connection });
        this.#parts.log.info(
          { client: session.key, notification, source },
          "expired before it was written to the client",
        );
      }
      return over;
    };
  }

  /** As in presence. */
  #nameOf({ id }: Session): string {
    return connectionOf(this.#parts.controlProducer.id(id));
  }

  /** Records whether the socket took a followed notification. */
  #ending({ session, wire }: Connection, { body }: Row, source: Source): (taken: boolean) => void {
    const [id, key] = [notificationBody.id(body), session.key];
    const { transport } = wire;
    return (taken) => {
      const connection = this.#nameOf(session);
      const { events } = this.#parts;
      if (taken) events.record(source === "live" ? "delivered" : "replayed", key, id, { connection, transport });
      else events.record("dropped", key, id, { connection, transport, why: "not written to the socket" });
    };
  }

  /** Runs once at the end of the current work. So all items of one batch for a peer share one frame. */
  #flushSoon(connection: Connection): void {
    this.#dirty.add(connection);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#now = this.#parts.wall();
    queueMicrotask(() => {
      this.#flushing = false;
      const connections = [...this.#dirty];
      this.#dirty.clear();
      for (const dirty of connections) {
        dirty.wire.outbox.flush();
        // The replay continues if the peer took the whole page.
        if (dirty.session.state === "REPLAYING" && !dirty.wire.outbox.congested)
          this.#peers.step(dirty, { type: "drained" });
      }
    });
  }
}
