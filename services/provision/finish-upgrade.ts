import { setTimeout as sleep } from "node:timers/promises";
import type { Health } from "@saasaparilla/shared/runtime/health.ts";
import { Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import type { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Postgres } from "@saasaparilla/shared/postgres/client.ts";
import { FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import { connectRedis, redisReady, type RedisAddress } from "@saasaparilla/shared/redis/client.ts";
import { RunningServices } from "./running-services.ts";

const EVERY_MS = 1_000;
const LOOK_MS = 10_000;
const CONNECT_MS = 3_000;
/** The error names at most so many processes. */
const MOST_NAMED = 50;

interface Parts {
  link: KafkaLink;
  postgres: Postgres;
  log: Log;
  health: Health;
}

/**
 * Raises the platform's format to the newest once every running service reads it. From then on services write the new
 * form, so an earlier version cannot run again. Fails without a change if a service stays too old for `waitMs`.
 */
export async function finishUpgrade(
  settings: RedisAddress & { NAMESPACE: string },
  { link, postgres, log, health }: Parts,
  waitMs: number,
): Promise<void> {
  const { NAMESPACE } = settings;
  const present = await presentFormat(postgres, NAMESPACE);
  if (present >= FORMAT) {
    log.info({ namespace: NAMESPACE, format: present }, "the upgrade is finished already");
    return;
  }
  const redis = connectRedis(settings, log, health);
  try {
    // Its commands fail until it is connected. If it stays away, the look says so.
    await withTimeout(CONNECT_MS, redisReady(redis));
    const services = new RunningServices(NAMESPACE, { postgres, link, redis });
    await nothingTooOld(() => services.tooOld(), waitMs, log);
  } finally {
    redis.disconnect();
  }
  await postgres.pool.query(`update "${NAMESPACE}".platform set format = $1 where format < $1`, [FORMAT]);
  log.info({ namespace: NAMESPACE, format: FORMAT, before: present }, "the upgrade is finished");
}

async function nothingTooOld(look: () => Promise<string[]>, waitMs: number, log: Log): Promise<void> {
  const deadline = performance.now() + waitMs;
  let tooOld: string[];
  for (let looks = 0; ; looks += 1) {
    const found = look().catch((error: unknown) => [`unknown: ${messageOf(error)}`]);
    tooOld = (await withTimeout(LOOK_MS, found)) ?? ["unknown: the stores did not answer in time"];
    if (tooOld.length === 0) return;
    if (looks === 0) log.info({ tooOld: tooOld.slice(0, MOST_NAMED) }, "waiting for older services to end");
    if (performance.now() + EVERY_MS > deadline) break;
    await sleep(EVERY_MS);
  }
  const named = tooOld.slice(0, MOST_NAMED).map((line) => `\n  ${line}`);
  const more = tooOld.length > MOST_NAMED ? `\n  and ${tooOld.length - MOST_NAMED} more` : "";
  throw new Failure(
    "fatal",
    `The upgrade cannot be finished: some running services do not read format ${FORMAT}. Nothing was changed. Replace these services, then run this again:${named.join("")}${more}`,
  );
}

async function presentFormat(postgres: Postgres, namespace: string): Promise<number> {
  const { rows } = await postgres.pool
    .query<{ format: number }>(`select format from "${namespace}".platform`)
    .catch((error: unknown) => {
      const { code = "" } = error as { code?: string };
      if (code !== "42P01" && code !== "3F000") throw error;
      throw new Failure("fatal", `"${namespace}".platform does not exist yet: run the provision service first.`, {
        cause: error,
      });
    });
  if (!rows[0]) throw new Failure("fatal", `"${namespace}".platform is empty: restore it from a backup.`);
  return rows[0].format;
}
