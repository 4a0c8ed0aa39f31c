import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import type { Incoming } from "@saasaparilla/shared/kafka/client.ts";
import type { Page, Row } from "#services/distributor/sessions/session.ts";

/** The simulated stores: the parts of Kafka, Postgres and Redis that the machines use. */

/** One partition's log. */
export class Log {
  readonly records: Incoming[] = [];

  append(value: Buffer, appended: number): number {
    this.records.push({ offset: this.records.length, appended, value, headers: {} });
    return this.records.length - 1;
  }
}

export class Postgres {
  away = false;
  readonly #rows = new Map<ClientKey, Map<Sequence, Row>>();

  insert(client: ClientKey, rows: readonly Row[]): void {
    let stored = this.#rows.get(client);
    if (!stored) this.#rows.set(client, (stored = new Map()));
    for (const row of rows) if (!stored.has(row.sequence)) stored.set(row.sequence, row);
  }

  /** A small page, so that replays take several. */
  after(client: ClientKey, sequence: Sequence): Page {
    const rows = [...(this.#rows.get(client)?.values() ?? [])].filter((row) => row.sequence > sequence);
    rows.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
    return { rows: rows.slice(0, 3), more: rows.length > 3 };
  }

  deleteUpTo(client: ClientKey, sequence: Sequence): void {
    for (const stored of this.#rows.get(client)?.keys() ?? [])
      if (stored <= sequence) this.#rows.get(client)!.delete(stored);
  }

  has(client: ClientKey, sequence: Sequence): boolean {
    return this.#rows.get(client)?.has(sequence) ?? false;
  }
}
