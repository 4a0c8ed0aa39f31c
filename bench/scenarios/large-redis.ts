import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Presence } from "@saasaparilla/shared/redis/presence.ts";
import { clientKey } from "@saasaparilla/shared/protocol/notification.ts";
import { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { commonSettings } from "@saasaparilla/shared/settings.ts";
import { Redis } from "ioredis";
import { Idempotency } from "#services/receiver/publish/idempotency.ts";
import { parse } from "#services/receiver/publish/parse.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";
import { reaped } from "#tests/faults/end-processes.ts";
import { ownStores } from "#tests/faults/stores.ts";
import type { Figures } from "#bench/results/figures.ts";
import type { LaneKind, LanesTake } from "./large-lanes.ts";
import { clientName, dataOf } from "#bench/load/load-publisher.ts";

/** Large enough to show the cost of one, and whether that stays constant. The capacity plan relies on both. */
const SIZES = [1_000, 100_000, 1_000_000, 10_000_000];
/** Heap of the process with the lanes. One lane takes some hundreds of bytes. */
const HEAP_MB = 7_500;
const AT_ONCE = 5_000;
const TENANT = "acme";
const LIMITS = { MAX_DATA_BYTES: 1 << 16, MAX_BATCH_ITEMS: 1_000 };

function sizes(most: number): number[] {
  return SIZES.filter((size) => size <= most);
}

/** Lanes of a director in memory. */
export async function manyLanes(
  figures: Figures,
  work: string,
  { kind, most }: { kind: LaneKind; most: number },
): Promise<void> {
  const file = join(import.meta.dirname, "large-lanes.ts");
  const options = ["--expose-gc", `--max-old-space-size=${HEAP_MB}`, file, kind, ...sizes(most).map(String)];
  const child = reaped(spawn(process.execPath, options, { stdio: ["ignore", "pipe", "inherit"] }));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let last: LanesTake | undefined;
  for await (const line of createInterface(child.stdout!)) {
    last = JSON.parse(line) as LanesTake;
    if (last.count < most) noteEach(figures, work, at("heap", last.count), last.count, last.heap);
  }
  const code = await ended;
  if (code !== 0 || last?.count !== most) throw new Error(`The lanes ended with code ${code}.`);
  noteEach(figures, work, "heap", most, last.heap);
  noteEach(figures, work, "resident", most, last.resident);
}

/** Connections in a separate Redis, as distributors register them. */
export async function manyConnections(figures: Figures, work: string, { most }: { most: number }): Promise<void> {
  await inRedis(async (redis) => {
    const presence = new Presence(redis, keys());
    const since = Date.now();
    const begin = await cost(redis);
    let count = 0;
    for (const size of sizes(most)) {
      for (; count < size; count += Math.min(AT_ONCE, size - count)) {
        const clients = Array.from({ length: Math.min(AT_ONCE, size - count) }, (_, index) => count + index);
        await Promise.all(
          clients.map((client) => {
            const id = { slot: client % 128, incarnation: 2 ** 47 + (client % 128), session: client };
            return presence.register(clientKey(TENANT, clientName(client)), id, {
              since,
              transport: "websocket",
              address: "10.0.0.1",
            });
          }),
        );
      }
      const { memory } = await cost(redis);
      noteEach(figures, work, size < most ? at("Redis", size) : "Redis", size, memory - begin.memory);
    }
    const end = await cost(redis);
    noteCpu(figures, work, "Redis, to register", (end.cpu - begin.cpu) / count);
    figures.note(work, "commands to register", (end.commands - begin.commands) / count, {
      unit: "each",
      better: "lower",
    });
  });
}

/** Entries that make a repeat harmless for a day: one for each notification with its publisher's id. */
export async function manyIds(figures: Figures, work: string, { most }: { most: number }): Promise<void> {
  await inRedis(async (redis) => {
    // Each is reserved, even on a busy machine.
    const options = {
      REPEAT_WAIT_MS: 60_000,
      IDEMPOTENCY_SECONDS: receiverSettings.shape.IDEMPOTENCY_SECONDS.parse(undefined),
    };
    const unguarded = (): never => {
      throw new Error("Redis was too slow to answer.");
    };
    const idempotency = new Idempotency(redis, keys(), { unguarded }, options);
    const begin = await cost(redis);
    const each = 100;
    for (let count = 0; count < most; count += each) {
      const lines = Array.from({ length: each }, (_, index) => lineOf(count + index)).join("\n");
      const items = parse("application/x-ndjson", Buffer.from(lines), LIMITS);
      const entries = items.map((item) => idempotency.ofItem(TENANT, { ...item, id: item.published!.id! }));
      await idempotency.reserve(entries);
      idempotency.done(entries);
      await idempotency.settled();
    }
    const end = await cost(redis);
    noteEach(figures, work, "Redis", most, end.memory - begin.memory);
    noteCpu(figures, work, "Redis, to reserve and conclude", (end.cpu - begin.cpu) / most);
  });
}

function lineOf(index: number): string {
  const id = `00000000-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;
  return `{"id":"${id}","to":{"client":"${clientName(index)}"},"data":${dataOf(0, 0)}}`;
}

function keys(): Keys {
  return new Keys(commonSettings.shape.NAMESPACE.parse(undefined));
}

async function inRedis(work: (redis: Redis) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  // It holds gigabytes, so it must end with this process in every case.
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  const { redis: store } = await ownStores(folder);
  await store.start();
  const redis = new Redis(store.url, { enableAutoPipelining: true });
  try {
    await work(redis);
  } finally {
    redis.disconnect();
    await store.stop();
    process.off("exit", remove);
    remove();
  }
}

async function cost(redis: Redis): Promise<{ memory: number; cpu: number; commands: number }> {
  const info = await redis.info("everything");
  const read = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)![1]);
  return {
    memory: read("used_memory"),
    cpu: read("used_cpu_user") + read("used_cpu_sys"),
    commands: read("total_commands_processed"),
  };
}

/** The figure of the largest number has the plain name. */
function at(name: string, count: number): string {
  return `${name}, at ${count.toLocaleString("en-GB")}`;
}

function noteEach(figures: Figures, work: string, name: string, count: number, bytes: number): void {
  figures.note(work, name, bytes / count, { unit: "bytes each", better: "lower" });
}

function noteCpu(figures: Figures, work: string, name: string, seconds: number): void {
  figures.note(work, name, seconds * 1e6, { unit: "CPU us each", better: "lower" });
}
