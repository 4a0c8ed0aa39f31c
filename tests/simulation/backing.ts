import type { ClientKey, Sequence } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
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

const collapseOf = ({ body }: Row): string | undefined => notificationBody.endOptions(body)?.collapse;

export class Postgres {
  away = false;
  readonly #rows = new Map<ClientKey, Map<Sequence, Row>>();

  /** Keeps only the last row of each collapse key. Returns the others, and the caller reports their outcomes. */
  insert(client: ClientKey, rows: readonly Row[]): Row[] {
    let stored = this.#rows.get(client);
    if (!stored) this.#rows.set(client, (stored = new Map()));
    for (const row of rows) if (!stored.has(row.sequence)) stored.set(row.sequence, row);
    const keys = new Set(rows.map(collapseOf).filter((key) => key !== undefined));
    const replaced: Row[] = [];
    for (const key of keys) {
      const same = [...stored.values()].filter((row) => collapseOf(row) === key);
      const last = same.reduce((one, other) => (other.sequence > one.sequence ? other : one));
      replaced.push(...same.filter((row) => row !== last));
    }
    for (const { sequence } of replaced) stored.delete(sequence);
    return replaced;
  }

  /** A small page, so that replays take several. */
  after(client: ClientKey, sequence: Sequence): Page {
    const rows = [...(this.#rows.get(client)?.values() ?? [])].filter((row) => row.sequence > sequence);
    rows.sort((a, b) => (a.sequence < b.sequence ? -1 : 1));
    return { rows: rows.slice(0, 3), more: rows.length > 3 };
  }

  /** Returns the rows that ask for an outcome. They stay if `keep`. */
  deleteUpTo(client: ClientKey, sequence: Sequence, keep: boolean): Row[] {
    const stored = this.#rows.get(client) ?? new Map<Sequence, Row>();
    const deleted = [...stored.values()].filter((row) => row.sequence <= sequence);
    const asking = deleted.filter(({ body }) => notificationBody.endOptions(body)?.outcomes !== undefined);
    for (const row of deleted) if (!keep || !asking.includes(row)) stored.delete(row.sequence);
    return asking;
  }

  has(client: ClientKey, sequence: Sequence): boolean {
    return this.#rows.get(client)?.has(sequence) ?? false;
  }
}
