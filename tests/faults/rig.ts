import { chmod, mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import pg from "pg";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startKafkaProxy, startProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";
import { provision, type Kind, type LogLine } from "#tests/support/stack.ts";
import type { Bearer } from "#tests/support/tokens.ts";
import { ownDisk, removeDisk } from "./disk.ts";
import type { History } from "./history.ts";
import type { Platform } from "./platform.ts";
import { freePorts, ownStores, type OwnStore, type StoreName } from "./stores.ts";
import { Supervised } from "./supervised.ts";

const STORES = ["kafka", "postgres", "redis"] as const;
const DISKS = ["kafka", "postgres"] as const;
export const USES: Record<Kind, readonly StoreName[]> = {
  receiver: STORES,
  director: STORES,
  distributor: STORES,
  console: STORES,
  courier: STORES,
  dispatcher: STORES,
  recorder: ["kafka", "postgres"],
};
const INBOX_MS = 60_000;
const COUNTS: [Kind, number][] = [
  ["receiver", 2],
  ["director", 2],
  ["distributor", 3],
  ["dispatcher", 2],
  ["courier", 2],
  ["recorder", 1],
  ["console", 1],
];
/** The services of an upgrade test, because an earlier checkout may have no others. */
const EARLIER = COUNTS.slice(0, 3);

/** Its clients have inboxes; no other tenant's have. */
export const INBOX_TENANT = "acme";

export interface Member {
  service: Supervised;
  /** Between this service and each store that it uses. */
  links: Partial<Record<StoreName, TcpProxy>>;
}

/** A separate platform, including the stores, with a proxy between any two parts. */
export class Rig implements Platform {
  readonly folder: string;
  readonly stores: Record<StoreName, OwnStore>;
  readonly members: Member[] = [];
  readonly env: Record<string, string>;
  readonly heartbeatMs: number;
  /** The destination of the services' log lines about notifications. */
  history: History | undefined;
  readonly token: (bearer: Bearer) => Promise<string>;
  /** The places of poison in any run, and the read position of the dead letters. */
  readonly poisoned = new Set<string>();
  lastDeadLetter = "start";
  readonly pool: pg.Pool;
  #disks: string[] = [];

  private constructor(
    folder: string,
    stores: Record<StoreName, OwnStore>,
    identity: { env: Record<string, string>; token: (bearer: Bearer) => Promise<string> },
    settings: Record<string, string>,
  ) {
    this.folder = folder;
    this.stores = stores;
    this.env = {
      NAMESPACE: "faults",
      TENANTS: "acme,globex,loud,quiet",
      TIMELINE_FOLLOW: "all",
      // A neighbour has a separate address, because refusals count by address.
      TRUSTED_PROXIES: "127.0.0.1",
      HOST: "127.0.0.1",
      KAFKA_BROKERS: stores.kafka.url,
      DATABASE_URL: stores.postgres.url,
      REDIS_URL: stores.redis.url,
      ...identity.env,
      ...settings,
    };
    this.token = identity.token;
    this.heartbeatMs = Number(settings.HEARTBEAT_MS ?? 15_000);
    this.pool = new pg.Pool({ connectionString: stores.postgres.url, max: 2, connectionTimeoutMillis: 1_000 });
    this.pool.on("error", () => {});
  }

  static async start(
    settings: Record<string, string>,
    { smallDisks = false, checkout }: { smallDisks?: boolean; checkout?: string } = {},
  ): Promise<Rig> {
    const folder = await mkdtemp(join(tmpdir(), "faults-"));
    // Postgres runs as another user, who must be able to read its data.
    await chmod(folder, 0o755);
    for (const name of STORES) await mkdir(join(folder, name));
    const disks = smallDisks ? DISKS.map((name) => join(folder, name)).filter(ownDisk) : [];
    process.once("exit", () => disks.forEach(removeDisk));
    const stores = await ownStores(folder);
    const rig = new Rig(folder, stores, await makeIdentity(folder), settings);
    rig.#disks = disks;
    await Promise.all(STORES.map((name) => stores[name].start()));
    await provision(rig.env, [], checkout);
    const counts = checkout === undefined ? COUNTS : EARLIER;
    const ports = await freePorts(counts.reduce((sum, [, count]) => sum + count, 0));
    for (const [kind, count] of counts) {
      for (let index = 1; index <= count; index += 1) await rig.#add(kind, index, ports.pop()!, checkout);
    }
    for (const { service } of rig.members) service.start();
    await rig.ready(180_000);
    if (checkout === undefined) {
      await rig.#grantTargets();
      await rig.#turnOnInboxes();
    }
    return rig;
  }

  /** Publishers and consumers of the load may name every group and queue. */
  async #grantTargets(): Promise<void> {
    const operator = await ConsoleApi.of(this, this.of("console")[0]!.service);
    for (const tenant of ["acme", "globex"]) {
      for (const role of ["publisher", "consumer"]) {
        const grant = { role, subjects: ["*"], targets: ["*"], ...(role === "publisher" && { clients: ["*"] }) };
        await operator.does("PUT", `/${tenant}/grants/${role}s`, grant);
      }
    }
  }

  /** An inbox begins when couriers own its partitions. */
  async #turnOnInboxes(): Promise<void> {
    const operator = await ConsoleApi.of(this, this.of("console")[0]!.service);
    const { state, trust, limits } = await operator.does("GET", `/${INBOX_TENANT}`);
    await operator.does("PUT", `/${INBOX_TENANT}`, { state, trust, limits, inbox: { events: ["*"] } });
    const owned = async (): Promise<number> => {
      const couriers = this.of("courier").map(({ service }) => scrapeMetric(service, "partitions_owned"));
      return (await Promise.all(couriers)).reduce((sum, count) => sum + count, 0);
    };
    for (const deadline = performance.now() + INBOX_MS; (await owned()) < this.partitions; await sleep(100))
      if (performance.now() > deadline) throw new Error(`No courier reads for inboxes after ${INBOX_MS} ms.`);
  }

  async #add(kind: Kind, index: number, port: number, checkout: string | undefined): Promise<void> {
    const links: Member["links"] = {};
    for (const name of USES[kind]) {
      const { address } = this.stores[name];
      links[name] = await (name === "kafka" ? startKafkaProxy(address) : startProxy(address));
    }
    const env: Record<string, string> = { ...this.env, KAFKA_BROKERS: links.kafka!.address };
    for (const [name, variable] of [
      ["postgres", "DATABASE_URL"],
      ["redis", "REDIS_URL"],
    ] as const) {
      const link = links[name];
      if (link) env[variable] = env[variable]!.replace(this.stores[name].address, link.address);
    }
    const options = { kind, name: `${kind}-${index}`, port, env, folder: this.folder, checkout };
    this.members.push({ links, service: new Supervised({ ...options, said: (line) => this.#said(line) }) });
  }

  /** The partitions of accepted. */
  get partitions(): number {
    return Number(this.env.ACCEPTED_PARTITIONS ?? 4);
  }

  get smallDisks(): boolean {
    return this.#disks.length === DISKS.length;
  }

  of(kind: Kind): Member[] {
    return this.members.filter(({ service }) => service.kind === kind);
  }

  get receivers(): string[] {
    return this.of("receiver").map(({ service }) => service.url);
  }

  get distributors(): string[] {
    return this.of("distributor").map(({ service }) => service.url);
  }

  async ready(patienceMs: number): Promise<void> {
    await Promise.all(this.members.map(({ service }) => service.ready(patienceMs)));
  }

  #said({ msg, notification, partition }: LogLine): void {
    const at = performance.now();
    if (msg?.startsWith("expired") === true && typeof notification === "string")
      this.history?.add({ kind: "expire", notification, at });
    else if (msg === "partition claimed") this.history?.add({ kind: "claim", partition: Number(partition), at });
  }

  async close(keep = false): Promise<void> {
    await Promise.all(this.members.map(({ service }) => service.stop()));
    await this.pool.end();
    await Promise.all(this.members.flatMap(({ links }) => Object.values(links).map((link) => link.close())));
    await Promise.all(STORES.map((name) => this.stores[name].stop()));
    for (const disk of this.#disks) removeDisk(disk);
    if (!keep) await rm(this.folder, { recursive: true });
  }
}

async function makeIdentity(folder: string) {
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const env = { AUTH_JWKS: join(folder, "jwks.json"), AUTH_ISSUER: "http://faults/saasaparilla" };
  const jwk = { ...(await exportJWK(publicKey)), kid: "faults", alg: "EdDSA", use: "sig" };
  await writeFile(env.AUTH_JWKS, JSON.stringify({ keys: [jwk] }));
  const token = (bearer: Bearer): Promise<string> =>
    new SignJWT({
      tenant: bearer.tenant ?? "acme",
      scope: bearer.scope ?? ("client" in bearer ? "subscribe" : "publish"),
    })
      .setProtectedHeader({ alg: "EdDSA", typ: "JWT", kid: "faults" })
      .setIssuer(env.AUTH_ISSUER)
      .setAudience("notifications")
      .setSubject("client" in bearer ? bearer.client : bearer.publisher)
      .setExpirationTime(Math.floor(Date.now() / 1_000) + (bearer.ttl ?? 3_600))
      .sign(privateKey);
  return { env, token };
}
