import type { Presence } from "@saasaparilla/shared/redis/presence.ts";
import type { Connection } from "#sessions/connection.ts";
import type { ControlProducer } from "#sessions/control-producer.ts";

/**
 * Tells Redis which clients are connected here: at once, again after a FLUSHALL or an outage, and every ten minutes.
 */
const REFRESH_MS = 600_000;
const CHUNK = 200;
const CHUNK_MS = 50;

export class PresenceWriter {
  readonly #presence: Presence;
  readonly #peers: { all(): Iterable<Connection> };
  readonly #controlProducer: Pick<ControlProducer, "id">;
  readonly #failed: (error: unknown) => void;
  readonly #refresh: NodeJS.Timeout;
  #again: NodeJS.Timeout | undefined;
  #running = false;
  #ended = false;

  constructor(
    presence: Presence,
    peers: { all(): Iterable<Connection> },
    controlProducer: Pick<ControlProducer, "id">,
    failed: (error: unknown) => void,
  ) {
    this.#presence = presence;
    this.#peers = peers;
    this.#controlProducer = controlProducer;
    this.#failed = failed;
    this.#refresh = setInterval(() => void this.registerAll(), REFRESH_MS);
  }

  opened(connection: Connection): void {
    this.#registerOne(connection).catch((error: unknown) => {
      this.#failed(error);
      this.#soon();
    });
  }

  closed({ session }: Connection): void {
    this.remove(session.key, session.id);
  }

  /** If this fails, the entry stays until it expires. An invitation to it gets a close as its answer. */
  remove(key: string, session: number): void {
    this.#presence.unregister(key, this.#controlProducer.id(session)).catch(this.#failed);
  }

  /** Paced, to spare a Redis that was just flushed. */
  async registerAll(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      let chunk: Connection[] = [];
      for (const connection of this.#peers.all()) {
        if (this.#ended) return;
        chunk.push(connection);
        if (chunk.length < CHUNK) continue;
        await this.#register(chunk);
        chunk = [];
        await new Promise((resolve) => setTimeout(resolve, CHUNK_MS));
      }
      await this.#register(chunk);
    } catch (error) {
      this.#failed(error);
      this.#soon();
    } finally {
      this.#running = false;
    }
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#refresh);
    clearTimeout(this.#again);
  }

  async #register(connections: Connection[]): Promise<void> {
    const open = connections.filter(({ session }) => session.state !== "CLOSED");
    await Promise.all(open.map((connection) => this.#registerOne(connection)));
  }

  #registerOne({ session, since, wire: { transport }, address }: Connection): Promise<void> {
    return this.#presence.register(session.key, this.#controlProducer.id(session.id), { since, transport, address });
  }

  #soon(): void {
    if (this.#ended || this.#again) return;
    this.#again = setTimeout(
      () => {
        this.#again = undefined;
        void this.registerAll();
      },
      1_000 + Math.random() * 1_000,
    );
  }
}
