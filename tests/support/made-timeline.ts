import { randomUUID } from "node:crypto";
import pg from "pg";
import type { Details, EventKind } from "@saasaparilla/shared/timeline/events.ts";
import type { Stack } from "./stack.ts";

/** Rows of the timeline that a test makes up, in the form of the recorder. */
export class MadeTimeline {
  readonly pool: pg.Pool;
  readonly #schema: string;
  #offset = 0;

  constructor({ namespace, env }: Pick<Stack, "namespace" | "env">) {
    this.pool = new pg.Pool({ connectionString: env.DATABASE_URL!, max: 2 });
    this.#schema = `"${namespace}"`;
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** `$schema` stands for the schema of the stack. */
  async query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(text.replaceAll("$schema", this.#schema), values)).rows;
  }

  async add<K extends EventKind>(
    kind: K,
    detail: Details[K],
    {
      at,
      id = randomUUID(),
      client = "u1",
      tenant = "acme",
    }: { at: Date; id?: string; client?: string; tenant?: string },
  ): Promise<string> {
    await this.query(
      `insert into $schema.timeline (tenant, client, id, at, service, instance, kind, detail, day, partition, record_offset, item)
       values ($1, $2, $3, $4, 'director', 'd1', $5, $6, floor(extract(epoch from now()) / 86400), 0, $7, 0)`,
      [tenant, client, id, at, kind, JSON.stringify(detail), (this.#offset += 1)],
    );
    return id;
  }

  async addGap(from: Date, to: Date, count: number): Promise<void> {
    await this.query(
      `insert into $schema.timeline_gaps (service, instance, began, ended, count, day, partition, record_offset, item)
       values ('director', 'd1', $1, $2, $3, floor(extract(epoch from now()) / 86400), 0, $4, 0)`,
      [from, to, count, (this.#offset += 1)],
    );
  }
}
