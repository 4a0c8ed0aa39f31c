import { Failure } from "#runtime/errors.ts";
import type { Postgres } from "#postgres/client.ts";
import { RowStore, type RowTable, type Session } from "#postgres/row-store.ts";
import { documentSchemas } from "./documents.ts";

type Schemas = typeof documentSchemas;

/** Limit for all documents of a tenant: each dispatcher keeps them in memory. */
const MOST_BYTES = 16 << 20;

const TABLE: RowTable<Schemas> = {
  name: "documents",
  schemas: documentSchemas,
  most: { exchange: 1_000, queue: 1_000, schedule: 5_000 },
  bound: (session, table, { tenant }) => boundBytes(session, table, tenant),
};

/** The tables `documents` and `documents_version` of one platform. */
export class DocumentStore extends RowStore<Schemas> {
  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    super(postgres, namespace, TABLE);
  }
}

async function boundBytes(session: Session, table: string, tenant: string): Promise<void> {
  const { rows } = await session.query<{ bytes: string }>(
    `select coalesce(sum(octet_length(value::text)), 0) as bytes from ${table}
     where tenant = $1 and value is not null`,
    [tenant],
  );
  if (Number(rows[0]!.bytes) > MOST_BYTES)
    throw new Failure("reject", `The documents of a tenant can have at most ${MOST_BYTES} bytes. Delete some first.`);
}
