import { randomUUID } from "node:crypto";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres, type Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { QueueStore } from "@saasaparilla/shared/postgres/queue-store.ts";
import { StoredNotifications, type StoredNotification } from "@saasaparilla/shared/postgres/stored-notifications.ts";
import { packSequence, sequenceAt, type ClientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { PackWriter } from "@saasaparilla/shared/protocol/pack-writer.ts";
import { readPack } from "@saasaparilla/shared/protocol/pack.ts";
import { startStack } from "./stack.ts";

/** The tables of a separate namespace, without services. */
export interface QueueTables {
  namespace: string;
  postgres: Postgres;
  store: QueueStore;
  stored: StoredNotifications;
  close(): Promise<void>;
}

export async function openQueueTables(): Promise<QueueTables> {
  const stack = await startStack({ services: [] });
  const log = createLog("test", "warn");
  const options = { service: "test", log, health: new Health([]) };
  const postgres = connectPostgres(stack.env.DATABASE_URL!, options);
  return {
    namespace: stack.namespace,
    postgres,
    store: new QueueStore(postgres, stack.namespace),
    stored: new StoredNotifications(postgres, stack.namespace),
    async close() {
      await postgres.close();
      await stack.close();
    },
  };
}

export const sequenceOf = (number: number): string => sequenceAt(packSequence(0, number), 0);

/** The rows that a director stores for messages with these numbers. */
export function rowsOf(
  queue: ClientKey,
  numbers: readonly number[],
  expires?: number,
  { outcomes, id }: { outcomes?: string; id?: string } = {},
): StoredNotification[] {
  return numbers.map((number) => ({
    client: queue,
    sequence: sequenceOf(number),
    appended: 1_700_000_000_000 + number,
    expires,
    body: bodyOf(queue, number, id),
    ...(outcomes !== undefined && { options: { outcomes } }),
  }));
}

function bodyOf(queue: ClientKey, data: unknown, id: string = randomUUID()): Buffer {
  const writer = new PackWriter();
  writer.notification({ key: queue, id, payload: Buffer.from(JSON.stringify(data)) });
  let body: Buffer = Buffer.alloc(0);
  readPack(writer.take(), (_, item) => (body = item));
  return body;
}
