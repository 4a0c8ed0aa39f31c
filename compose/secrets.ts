import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { jwksFile, signingKey } from "./local/keys.ts";
import { writeWhole } from "./local/places.ts";

/**
 * What nobody may guess, made where it is not there yet, in the first container that runs: a password for each store, with the addresses that
 * contain it, and the key that `token` signs with. Each goes to a volume that only those mount who are to read it.
 */
const SERVICES = 10_001;
const STORES = 999;
const GRAFANA = 472;

const word = (): string => randomBytes(24).toString("base64url");

/** Root itself has no capability but to give files away: it reads them again by their group. */
function give(path: string, owner: number): void {
  if (statSync(path).uid === owner) return;
  chmodSync(path, 0o440);
  chownSync(path, owner, 0);
}

function kept(path: string, owner: number, make: () => string): string {
  const file = join("/secrets", path);
  if (!existsSync(file)) writeWhole(file, make(), 0o440);
  give(file, owner);
  return readFileSync(file, "utf8");
}

await signingKey();
const privateFile = join(dirname(jwksFile), "private.json");
const jwks = "/secrets/platform/jwks.json";
if (!existsSync(jwks)) writeWhole(jwks, readFileSync(jwksFile, "utf8"), 0o440);
give(jwks, SERVICES);
for (const file of [jwksFile, privateFile]) give(file, SERVICES);

const postgres = kept("postgres/password", STORES, word);
kept("platform/database-url", SERVICES, () => `postgres://saasaparilla:${postgres}@postgres:5432/notifications`);

const valkey = kept("valkey/password", STORES, word);
const lines = [
  "dir /data",
  "appendonly yes",
  "appendfsync everysec",
  'save ""',
  "maxmemory 200mb",
  `requirepass ${valkey}`,
];
kept("valkey/valkey.conf", STORES, () => `${lines.join("\n")}\n`);
kept("platform/redis-url", SERVICES, () => `redis://:${valkey}@valkey:6379`);

kept("grafana/password", GRAFANA, word);
