import { customType, index, integer, pgSchema, primaryKey, sql, text, timestamp } from "./drizzle.ts";

const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });

/**
 * The tables of one platform, in the Postgres schema of its namespace. Migrations create them: a change needs a new file in
 * services/provision/migrations, too.
 */
export function tablesOf(namespace: string) {
  const schema = pgSchema(namespace);
  return {
    /** Undelivered notifications. `client` is the distribution column (Citus) and the hash partition key. */
    stored: schema.table(
      "stored_notifications",
      {
        client: text("client").notNull(),
        sequence: text("sequence").notNull(),
        appended: timestamp("appended", { withTimezone: true, mode: "date" }).notNull(),
        expires: timestamp("expires", { withTimezone: true, mode: "date" }),
        body: bytea("body").notNull(),
        /** Null for most rows. */
        collapse: text("collapse"),
        /** The queue that gets the outcome. */
        outcomes: text("outcomes"),
      },
      (table) => [
        primaryKey({ columns: [table.client, table.sequence] }),
        index("stored_collapse")
          .on(table.client, table.collapse, table.sequence)
          .where(sql`collapse is not null`),
        index("stored_outcomes")
          .on(table.client, table.sequence)
          .where(sql`outcomes is not null`),
        index("stored_expires")
          .on(table.expires)
          .where(sql`expires is not null`),
      ],
    ),
    /** One row for each time that the accepted topic was recreated: sequences only grow. */
    epochs: schema.table("epochs", {
      epoch: integer("epoch").primaryKey(),
      partitions: integer("partitions").notNull(),
      created: timestamp("created", { withTimezone: true, mode: "date" }).notNull().defaultNow(),
    }),
  };
}

export type Tables = ReturnType<typeof tablesOf>;
