import { importJWK, SignJWT, type JWK } from "jose";
import type { Platform } from "#tests/faults/platform.ts";
import type { Kind } from "#tests/support/stack.ts";
import type { Bearer } from "#tests/support/tokens.ts";
import { chart } from "#tests/chart/render.ts";
import type { Cluster } from "#tests/deploy/cluster/cluster.ts";
import { until } from "#tests/deploy/cluster/until.ts";

export const NAME = "platform";
export const NAMESPACE = "notifications";
const SERVING: Kind[] = ["receiver", "director", "distributor", "courier", "dispatcher", "recorder", "console"];

export interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: {
    podIP: string;
    containerStatuses?: { containerID?: string; restartCount: number; ready: boolean }[];
  };
}

/** An installed chart, seen from this machine: a load reaches it by its Services' addresses. */
export class Release implements Platform {
  readonly cluster: Cluster;
  readonly heartbeatMs = 15_000;
  receivers: string[] = [];
  distributors: string[] = [];
  database = "";
  #key: JWK = {};

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  helm(...args: string[]): Promise<string> {
    return this.cluster.helm([...args, "--namespace", NAMESPACE]);
  }

  /** `values`: undefined for no values. */
  async install(verb: "install" | "upgrade", values?: object, ...flags: string[]): Promise<string> {
    const given = values === undefined ? [] : ["--values", "-"];
    const args = [verb, NAME, chart, "--namespace", NAMESPACE, ...given, ...flags];
    return this.cluster.helm(args, values && JSON.stringify(values));
  }

  /** Every deployment has all of its pods, in its newest version. */
  async rolledOut(): Promise<void> {
    for (const kind of SERVING)
      await this.cluster.kubectl([
        "rollout",
        "status",
        `deployment/${NAME}-${kind}`,
        "--namespace",
        NAMESPACE,
        "--timeout=300s",
      ]);
  }

  async pods(component: string): Promise<Pod[]> {
    const selector = `app.kubernetes.io/instance=${NAME},app.kubernetes.io/component=${component}`;
    const { items } = await this.cluster.get<{ items: Pod[] }>(
      "pods",
      "--namespace",
      NAMESPACE,
      "--selector",
      selector,
    );
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  async secret(name: string): Promise<Record<string, string>> {
    const { data } = await this.cluster.get<{ data: Record<string, string> }>(
      "secret",
      `${NAME}-${name}`,
      "--namespace",
      NAMESPACE,
    );
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
    );
  }

  /** Addresses, the key that signs tokens, and the way to Postgres from here. */
  async find(): Promise<void> {
    const address = async (service: string): Promise<string> =>
      this.cluster.kubectl([
        "get",
        "service",
        `${NAME}-${service}`,
        "--namespace",
        NAMESPACE,
        "--output",
        "jsonpath={.spec.clusterIP}",
      ]);
    this.receivers = [`http://${await address("receiver")}:8080`];
    this.distributors = [`http://${await address("distributor")}:8081`];
    const database = new URL((await this.secret("postgres")).DATABASE_URL!);
    database.hostname = await address("postgres");
    this.database = database.href;
    this.#key = JSON.parse((await this.secret("identity"))["private.json"]!) as JWK;
  }

  async token(bearer: Bearer): Promise<string> {
    const [scope, subject] = "client" in bearer ? ["subscribe", bearer.client] : ["publish", bearer.publisher];
    return new SignJWT({ tenant: bearer.tenant ?? "default", scope })
      .setProtectedHeader({ alg: "ES256", kid: this.#key.kid! })
      .setIssuer(`http://${NAME}`)
      .setAudience("notifications")
      .setSubject(subject)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1_000) + (bearer.ttl ?? 3_600))
      .sign(await importJWK(this.#key, "ES256"));
  }

  /**
   * Signals a pod's process directly, without the kubelet. Returns the seconds until it runs in the same pod and is
   * ready.
   */
  async signal(component: string, signal: "SIGKILL" | "SIGSTOP"): Promise<{ restarted: number; ready: number }> {
    const [pod] = await this.pods(component);
    const { name } = pod!.metadata;
    const before = pod!.status.containerStatuses![0]!;
    const pid = await this.cluster.node.process(before.containerID!.replace("containerd://", ""));
    const began = performance.now();
    const since = (): number => (performance.now() - began) / 1_000;
    process.kill(pid, signal);
    const now = async () =>
      (await this.pods(component)).find(({ metadata }) => metadata.name === name)?.status.containerStatuses?.[0];
    await until(`${name} is started again`, async () => ((await now())?.restartCount ?? 0) > before.restartCount);
    const restarted = since();
    await until(`${name} is ready again`, async () => (await now())?.ready === true);
    return { restarted, ready: since() };
  }

  /** Like an eviction: with its time to shut down. */
  async remove(component: string): Promise<void> {
    const [pod] = await this.pods(component);
    await this.cluster.kubectl(["delete", "pod", pod!.metadata.name, "--namespace", NAMESPACE, "--wait=true"]);
  }
}
