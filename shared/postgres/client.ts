import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import pg from "pg";
import { drizzle } from "./drizzle.ts";
import { backOff, type BackoffRange } from "#runtime/backoff.ts";
import { connectionName } from "#protocol/format.ts";
import { messageOf } from "#runtime/errors.ts";
import type { Health } from "#runtime/health.ts";
import type { Log } from "#runtime/log.ts";

/** One connection, for a transaction. */
export type PostgresSession = pg.PoolClient;

export interface Postgres {
  pool: pg.Pool;
  db: NodePgDatabase;
  /** Resolves when the server has answered. It retries without end. */
  reached(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Every statement finds rows by their key, whatever the statistics say. One plan serves all values. No plan may scan a
 * table because a statement asks about many clients. None may read all stored rows of a client to sort one page. Only a
 * nested loop skips the partitions that have none of the clients.
 */
const PLANS = [
  "plan_cache_mode=force_generic_plan",
  "enable_sort=off",
  "enable_bitmapscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  // Compilation takes longer than any of the statements.
  "jit=off",
];

const BACKOFF_MS: BackoffRange = [100, 2_000];

/** Connections that a director or a distributor has to Postgres at once. */
export const POOL_CONNECTIONS = 8;

export interface PostgresOptions {
  /** Names its connections in Postgres, with the format of this code. */
  service: string;
  log: Log;
  health: Health;
  connections?: number;
  statementMs?: number;
}

/**
 * The only importer of the Postgres client. Statements end after `statementMs`, so that a hanging server is an error.
 */
export function connectPostgres(
  url: string,
  { service, log, health, connections = POOL_CONNECTIONS, statementMs = 15_000 }: PostgresOptions,
): Postgres {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    application_name: connectionName(service),
    options: PLANS.map((setting) => `-c ${setting}`).join(" "),
    connectionTimeoutMillis: 3_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementMs,
    query_timeout: statementMs + 1_000,
    keepAlive: true,
  });
  pool.on("error", (error) => {
    health.down("postgres", messageOf(error));
    log.warn({ err: error }, "Postgres ended an idle connection");
  });
  // The pool listens only to idle connections. An error that nothing hears would end the process; the statement or the
  // next one of the transaction fails by itself.
  pool.on("connect", (connection) => void connection.on("error", () => {}));
  // Every answered statement reports health: a service must be ready again once Postgres answers after an outage.
  pool.on("release", (error) => {
    if (!(error as Error | undefined)) health.up("postgres");
  });
  return {
    pool,
    db: drizzle(pool),
    async reached() {
      for (let tries = 0; ; tries += 1) {
        try {
          await pool.query("select 1");
          health.up("postgres");
          return;
        } catch (error) {
          health.down("postgres", messageOf(error));
          if (tries % 10 === 0) log.warn({ err: error }, "waiting for Postgres");
          await backOff(tries, BACKOFF_MS);
        }
      }
    },
    close: () => pool.end(),
  };
}
