import { cursorTag, toCursor } from "@saasaparilla/shared/protocol/notification.ts";
import type pg from "pg";
import type { History } from "./history.ts";

const EVERY_MS = 1_000;

/**
 * Repeatedly records the Postgres rows of these clients in the history: a connection that begins after such a look must
 * bring them before `live`.
 */
export function noteStored(
  pool: pg.Pool,
  namespace: string,
  history: History,
  keys: readonly string[],
): { stop(): Promise<void> } {
  const text = `select client, max(sequence) as last from "${namespace}".stored_notifications where client = any($1)
                and (expires is null or expires > now() + interval '10 s') group by client`;
  let look: Promise<void> | undefined;
  const noted = async (): Promise<void> => {
    const { rows } = await pool.query<{ client: string; last: string }>(text, [keys]);
    const at = performance.now();
    for (const { client, last } of rows)
      history.add({ kind: "stored", key: client, cursor: toCursor(last, cursorTag(client)), at });
  };
  const timer = setInterval(() => {
    // Nothing can be read while Postgres is away.
    look ??= noted()
      .catch(() => undefined)
      .finally(() => (look = undefined));
  }, EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await look;
    },
  };
}
