import type { ClientKey, Sequence } from "@saasaparilla/shared/notification.ts";
import type { Peer } from "./peer.ts";

/** Under every missed wake-up: asks Postgres whether something is stored for clients that are believed to be up to date. */
const CLIENTS_AT_ONCE = 1_000;

export class SafetyNet {
  readonly #peers: () => Iterable<Peer>;
  readonly #waiting: (sent: ReadonlyMap<ClientKey, Sequence>) => Promise<ClientKey[]>;
  readonly #found: (peer: Peer) => void;
  readonly #failed: (error: unknown) => void;
  readonly #roundMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #ended = false;

  constructor(options: {
    peers: () => Iterable<Peer>;
    waiting: (sent: ReadonlyMap<ClientKey, Sequence>) => Promise<ClientKey[]>;
    found: (peer: Peer) => void;
    failed: (error: unknown) => void;
    roundMs: number;
  }) {
    this.#peers = options.peers;
    this.#waiting = options.waiting;
    this.#found = options.found;
    this.#failed = options.failed;
    this.#roundMs = options.roundMs;
    this.#schedule();
  }

  /** One round over all live sessions, spread over `spreadMs`. */
  async round(spreadMs: number): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const live = [...this.#peers()].filter(({ session }) => session.state === "LIVE");
      // Where nobody is live it asks all the same: that Postgres answers again would go unnoticed.
      const chunks = Math.max(1, Math.ceil(live.length / CLIENTS_AT_ONCE));
      for (let index = 0; index < chunks && !this.#ended; index += 1) {
        if (index > 0) await new Promise((resolve) => setTimeout(resolve, spreadMs / chunks));
        await this.#ask(live.slice(index * CLIENTS_AT_ONCE, (index + 1) * CLIENTS_AT_ONCE));
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = false;
    }
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  async #ask(peers: Peer[]): Promise<void> {
    const sent = new Map<ClientKey, Sequence>();
    for (const { session } of peers) {
      const other = sent.get(session.key);
      if (other === undefined || session.sent < other) sent.set(session.key, session.sent);
    }
    const waiting = new Set(await this.#waiting(sent));
    for (const peer of peers) if (waiting.has(peer.session.key)) this.#found(peer);
  }

  #schedule(): void {
    if (this.#ended) return;
    this.#timer = setTimeout(
      () => void this.round(this.#roundMs / 2).then(() => this.#schedule()),
      this.#roundMs * (0.75 + Math.random() / 2),
    );
  }
}
