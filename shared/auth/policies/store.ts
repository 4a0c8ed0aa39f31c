import { rowSchemas } from "./schema.ts";
import { Failure } from "#runtime/errors.ts";
import type { Postgres } from "#postgres/client.ts";
import { RowStore, type RowTable, type Session } from "#postgres/row-store.ts";

type Schemas = typeof rowSchemas;

/** Limit for all grants of a tenant, of subjects, clients and targets: each check may have to look at all of them. */
const MOST_PATTERNS = 2_000;

const TABLE: RowTable<Schemas> = {
  name: "access",
  schemas: rowSchemas,
  most: { tenant: 1, key: 1_000, issuer: 20, grant: 1_000, revocation: 10_000 },
  async bound(session, table, { kind, tenant }) {
    if (kind === "grant") await boundPatterns(session, table, tenant);
  },
  refusal: taken,
};

/** The tables `access` and `access_version` of one platform. */
export class PolicyStore extends RowStore<Schemas> {
  constructor(postgres: Pick<Postgres, "pool">, namespace: string) {
    super(postgres, namespace, TABLE);
  }
}

async function boundPatterns(session: Session, table: string, tenant: string): Promise<void> {
  const { rows } = await session.query<{ count: number }>(
    `select coalesce(sum(jsonb_array_length(value->'subjects') + jsonb_array_length(value->'clients')
       + coalesce(jsonb_array_length(value->'targets'), 0)), 0)::int as count
     from ${table} where kind = 'grant' and tenant = $1 and value is not null`,
    [tenant],
  );
  if (rows[0]!.count > MOST_PATTERNS)
    throw new Failure(
      "reject",
      `All grants of a tenant together can name at most ${MOST_PATTERNS} subjects, clients and targets. Name fewer, or use patterns that end with *.`,
    );
}

/** SQLSTATE 23505 on the index of issuers. */
function taken(error: unknown): Failure | undefined {
  const { code, constraint } = error as { code?: string; constraint?: string };
  return code === "23505" && constraint === "access_issuers"
    ? new Failure("reject", "Another entry already has this issuer. An issuer can belong to only one tenant.", {
        cause: error,
      })
    : undefined;
}
