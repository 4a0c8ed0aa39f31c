import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { publicationKey, type PublicationHead } from "@saasaparilla/shared/protocol/publication.ts";
import { produce, readAll } from "./kafka-records.ts";
import type { Stack } from "./stack.ts";

/** Publications and groups, written without the receiver. */
export class Dispatch {
  readonly #stack: Stack;
  readonly #tenant: string;
  readonly #pool: pg.Pool;

  constructor(stack: Stack, tenant = "acme") {
    this.#stack = stack;
    this.#tenant = tenant;
    this.#pool = new pg.Pool({ connectionString: stack.env.DATABASE_URL!, max: 2 });
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(text.replaceAll("$schema", `"${this.#stack.namespace}"`), values)).rows;
  }

  /** Adds the clients `<prefix>0`, `<prefix>1` and so on. */
  async fill(group: string, members: number, prefix = "m"): Promise<void> {
    await this.query(
      `insert into $schema.members (client, tenant, name)
       select $4 || '/' || $2 || n, $4, $1 from generate_series(0, $3::int - 1) as n`,
      [group, prefix, members, this.#tenant],
    );
  }

  /** Writes publications of one key in one record. Returns their ids. */
  async publish(...given: (Partial<PublicationHead> & Pick<PublicationHead, "to">)[]): Promise<string[]> {
    const heads = given.map((head) => ({ id: randomUUID(), tenant: this.#tenant, publisher: "test", ...head }));
    const writer = new PackWriter();
    for (const [index, head] of heads.entries()) writer.publication({ head, payload: Buffer.from(String(index)) });
    const partitions = 4;
    await produce(this.#stack, "dispatch", partitionOf(publicationKey(this.#tenant, heads[0]!.to), partitions), [
      writer.take(),
    ]);
    return heads.map(({ id }) => id);
  }

  async state(id: string): Promise<{ state: string; written: number; refused: number } | undefined> {
    const rows = await this.query<{ state: string; written: number; refused: number }>(
      "select state, written::int, refused::int from $schema.publications where id = $1",
      [id],
    );
    return rows[0];
  }

  /** Waits for the end of the publication. Returns its final state. */
  async ended(id: string, timeout = 30_000): Promise<{ state: string; written: number; refused: number }> {
    const deadline = performance.now() + timeout;
    for (;;) {
      const found = await this.state(id);
      if (found && ["done", "cancelled", "skipped"].includes(found.state)) return found;
      if (performance.now() > deadline) throw new Error(`The publication ${id} did not end: ${JSON.stringify(found)}`);
      await sleep(100);
    }
  }

  records(): ReturnType<typeof readAll> {
    return readAll(this.#stack, "accepted");
  }
}
