import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { FullInboxes } from "@saasaparilla/shared/postgres/full-inboxes.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { ClientKey } from "@saasaparilla/shared/protocol/notification.ts";

const MOST = 10_000;

/**
 * Clients and queues that have as much stored as they may, as directors found a few seconds ago. Fan-out leaves them
 * out, as a receiver does. While Postgres is away the last list stays valid.
 */
export class FullRecipients {
  readonly #fullInboxes: Pick<FullInboxes, "all">;
  readonly #log: Pick<Log, "debug">;
  #keys: ReadonlySet<ClientKey> = new Set();

  constructor(fullInboxes: Pick<FullInboxes, "all">, log: Pick<Log, "debug">) {
    this.#fullInboxes = fullInboxes;
    this.#log = log;
  }

  has(key: ClientKey): boolean {
    return this.#keys.has(key);
  }

  /** Call it every few seconds. */
  async look(): Promise<void> {
    try {
      this.#keys = new Set(await this.#fullInboxes.all(MOST));
    } catch (error) {
      this.#log.debug({ err: error }, `the full inboxes cannot be read: ${messageOf(error)}`);
    }
  }
}
