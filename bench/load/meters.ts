import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { paths } from "#local/process/paths.ts";
import { running } from "#local/process/processes.ts";
import type { Stack } from "#tests/support/stack.ts";

/** The cost of a measurement: CPU seconds by process, and the requests to the stores. */
export interface Cost {
  seconds: number;
  cpu: Record<string, number>;
  /** Bytes appended, by topic without the namespace. */
  kafka: Record<string, number>;
  postgres: { inserted: number; deleted: number; walBytes: number };
  redisCommands: number;
}

/** Reads meters before and after a measurement. It knows the stores' processes only in the local stack. */
export class Meters {
  readonly #stack: Stack;
  readonly #others: Record<string, number>;
  readonly #redis: Redis;
  readonly #postgres: Client;

  private constructor(stack: Stack, others: Record<string, number>) {
    this.#stack = stack;
    this.#others = others;
    this.#redis = new Redis(stack.env.REDIS_URL!);
    this.#postgres = new Client({ connectionString: stack.env.DATABASE_URL! });
  }

  /** `others`: further processes, by name, besides the services and the stores. */
  static async of(stack: Stack, others: Record<string, number> = {}): Promise<Meters> {
    const meters = new Meters(stack, others);
    await meters.#postgres.connect();
    return meters;
  }

  /** Begins a measurement. The returned function ends it, and returns its cost. */
  async begin(): Promise<() => Promise<Cost>> {
    const before = await this.#read();
    return async () => {
      const after = await this.#read();
      const difference = (of: (reading: Reading) => Record<string, number>): Record<string, number> =>
        Object.fromEntries(Object.entries(of(after)).map(([name, value]) => [name, value - (of(before)[name] ?? 0)]));
      return {
        seconds: after.seconds - before.seconds,
        cpu: difference(({ cpu }) => cpu),
        kafka: difference(({ kafka }) => kafka),
        postgres: difference(({ postgres }) => postgres) as Cost["postgres"],
        redisCommands: after.redisCommands - before.redisCommands,
      };
    };
  }

  /** Bytes that Redis uses. */
  async redisMemory(): Promise<number> {
    return Number(/used_memory:(\d+)/.exec(await this.#redis.info("memory"))![1]);
  }

  /** All rows ever deleted. Postgres reports them a second late. */
  postgresDeleted(): Promise<number> {
    return this.#sum("n_tup_del");
  }

  /** Bytes of the tables and their indexes on disk. */
  postgresDisk(): Promise<number> {
    return this.#sum("pg_total_relation_size(relid)");
  }

  /** Inserts this many rows for clients that never connect, a hundred each. */
  async fill(rows: number): Promise<void> {
    if (rows === 0) return;
    await this.#postgres.query(
      `insert into "${this.#stack.namespace}".stored_notifications (client, sequence, appended, body)
       select 'acme/away-' || n / 100, lpad(n::text, 20, '0'), now(), decode(repeat('00', 250), 'hex') from generate_series(1, $1::int) as n`,
      [rows],
    );
    await this.#postgres.query(`analyze "${this.#stack.namespace}".stored_notifications`);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await this.#postgres.end();
  }

  /** Sums over the namespace's tables. */
  async #sum(of: string): Promise<number> {
    const { rows } = await this.#postgres.query<{ sum: string }>(
      `select coalesce(sum(${of}), 0) as sum from pg_stat_all_tables where schemaname = $1`,
      [this.#stack.namespace],
    );
    return Number(rows[0]!.sum);
  }

  async #read(): Promise<Reading> {
    const stats = await this.#redis.info("stats");
    const { rows } = await this.#postgres.query<{ inserted: string; deleted: string; wal: string }>(
      `select coalesce(sum(n_tup_ins), 0) as inserted, coalesce(sum(n_tup_del), 0) as deleted,
              pg_current_wal_insert_lsn() - '0/0'::pg_lsn as wal
       from pg_stat_all_tables where schemaname = $1`,
      [this.#stack.namespace],
    );
    const cpu: Record<string, number> = { load: processSeconds(process.pid), ...storesSeconds() };
    for (const { kind, pid } of this.#stack.services) {
      cpu[kind] = (cpu[kind] ?? 0) + processSeconds(pid);
    }
    for (const [name, pid] of Object.entries(this.#others)) cpu[name] = processSeconds(pid);
    return {
      seconds: performance.now() / 1e3,
      cpu,
      kafka: topicBytes(this.#stack.namespace),
      postgres: {
        inserted: Number(rows[0]!.inserted),
        deleted: Number(rows[0]!.deleted),
        walBytes: Number(rows[0]!.wal),
      },
      redisCommands: Number(/total_commands_processed:(\d+)/.exec(stats)![1]),
    };
  }
}

type Reading = Cost;

/** User and system time of all threads. USER_HZ is 100 on every Linux that Node runs on. */
function processSeconds(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;
}

/** Fields of /proc/PID/stat after the name, which may contain any text. */
function statOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(") ") + 2).split(" ");
}

function storesSeconds(): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of ["kafka", "redis"]) {
    const known = running(name);
    if (known) found[name] = processSeconds(known.pid);
  }
  const postgres = running("postgres");
  if (postgres) found.postgres = familySeconds(postgres.pid);
  return found;
}

/** Postgres has a process for each session. The parent's count contains the sessions that have ended. */
function familySeconds(parent: number): number {
  const own = statOf(parent);
  let seconds = (Number(own[11]) + Number(own[12]) + Number(own[13]) + Number(own[14])) / 100;
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim();
  for (const child of children === "" ? [] : children.split(" ")) {
    try {
      seconds += processSeconds(Number(child));
    } catch {
      // The process has just ended. The parent's next count contains it.
    }
  }
  return seconds;
}

function topicBytes(namespace: string): Record<string, number> {
  const folder = join(paths.data, "kafka");
  const bytes: Record<string, number> = {};
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${namespace}.`)) continue;
    const topic = name.slice(namespace.length + 1).replace(/-\d+$/, "");
    for (const file of readdirSync(join(folder, name))) {
      if (file.endsWith(".log")) bytes[topic] = (bytes[topic] ?? 0) + statSync(join(folder, name, file)).size;
    }
  }
  return bytes;
}
