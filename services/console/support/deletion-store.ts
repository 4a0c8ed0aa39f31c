import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { clientKey } from "@saasaparilla/shared/protocol/notification.ts";

/** Of one client, or of all clients and queues of a tenant. */
export interface Whose {
  tenant: string;
  client?: string;
}

/** Rows that one statement deletes. It locks them until it ends. */
const BATCH_ROWS = 2_000;

interface Part {
  /** The name in answers. */
  name: string;
  table: string;
  /** The primary key, or a part of it that is as precise. */
  key: readonly string[];
  /** How its rows say whose they are. Undefined: no row is about one client. */
  of: { client?: Condition; tenant: Condition };
}

type Condition = (bound: (value: unknown) => string, whose: Whose) => string;

const byKey: Condition = (bound, { tenant, client }) =>
  client === undefined
    ? // The character after the slash, so that it finds all keys of the tenant.
      `client > ${bound(`${tenant}/`)} and client < ${bound(`${tenant}0`)}`
    : `client = ${bound(clientKey(tenant, client))}`;
const keyed = { client: byKey, tenant: byKey };

const byTenant: Condition = (bound, { tenant }) => `tenant = ${bound(tenant)}`;

/** A running publication is left to its dispatcher. */
const ofClient: Condition = (bound, { tenant, client }) =>
  `tenant = ${bound(tenant)} and key = ${bound(`${tenant}/client:${client!}`)} and state not in ('running', 'cancelling')`;

/**
 * All rows that name a client or have a payload. Positions and claims of queues have neither, and protect a queue against
 * messages that Kafka has twice.
 */
const PARTS: readonly Part[] = [
  { name: "publications", table: "publications", key: ["id", "tenant"], of: { client: ofClient, tenant: byTenant } },
  { name: "stored", table: "stored_notifications", key: ["client", "sequence"], of: keyed },
  { name: "inbox", table: "inbox_items", key: ["client", "sequence", "week"], of: keyed },
  { name: "marks", table: "inbox_marks", key: ["client", "id", "week"], of: keyed },
  { name: "listMarks", table: "inbox_clients", key: ["client", "week"], of: keyed },
  { name: "groups", table: "members", key: ["client", "tenant", "name"], of: keyed },
  { name: "fullClients", table: "full_clients", key: ["client"], of: keyed },
  { name: "quarantine", table: "quarantine", key: ["tenant", "id", "source"], of: { tenant: byTenant } },
  {
    name: "timeline",
    table: "timeline",
    key: ["day", "partition", "record_offset", "item"],
    of: {
      client: (bound, { tenant, client }) => `tenant = ${bound(tenant)} and client = ${bound(client)}`,
      tenant: byTenant,
    },
  },
];

export type Deleted = Record<string, number>;

/** Deletes what Postgres keeps of a client or a tenant, in statements of a bounded size. It can be repeated. */
export class DeletionStore {
  readonly #pool: Postgres["pool"];
  readonly #schema: string;

  constructor({ pool }: Pick<Postgres, "pool">, namespace: string) {
    this.#pool = pool;
    this.#schema = `"${namespace}"`;
  }

  /** Ends early when `late` says so. Then not all is deleted, and a repeat goes on. */
  async delete(whose: Whose, late: () => boolean): Promise<{ deleted: Deleted; finished: boolean }> {
    const deleted: Deleted = {};
    for (const part of PARTS) {
      const condition = whose.client === undefined ? part.of.tenant : part.of.client;
      if (!condition) continue;
      deleted[part.name] = 0;
      for (let rows = BATCH_ROWS; rows >= BATCH_ROWS;) {
        if (late()) return { deleted, finished: false };
        rows = await this.#batch(part, condition, whose);
        deleted[part.name]! += rows;
      }
    }
    return { deleted, finished: true };
  }

  async #batch({ table, key }: Part, condition: Condition, whose: Whose): Promise<number> {
    const values: unknown[] = [];
    const where = condition((value) => `$${values.push(value)}`, whose);
    const [name, columns] = [`${this.#schema}.${table}`, key.join(", ")];
    const rows = `select ${columns} from ${name} where ${where} limit ${BATCH_ROWS}`;
    const { rowCount } = await this.#pool.query(
      table === "publications"
        ? // Its slices go in the same statement, so that none stays behind.
          `with gone as (delete from ${name} where (${columns}) in (${rows}) returning id, tenant),
             slices as (delete from ${this.#schema}.publication_slices as slice using gone
                        where slice.id = gone.id and slice.tenant = gone.tenant)
           select from gone`
        : `delete from ${name} where (${columns}) in (${rows})`,
      values,
    );
    return rowCount ?? 0;
  }
}
