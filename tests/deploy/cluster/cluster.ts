import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "#local/process/paths.ts";
import { kubernetesTools } from "#tests/chart/tools.ts";
import { ADDRESS } from "./address.ts";
import { apiServer, binaries, type Binaries } from "./binaries.ts";
import { call } from "./call.ts";
import { makeCertificates } from "./certificates.ts";
import { Node } from "./node.ts";
import { Processes } from "./processes.ts";
import { until } from "./until.ts";

const PORT = 6443;

/**
 * A real Kubernetes of one node on this machine: API server, controllers, scheduler, kubelet, names and cluster
 * addresses.
 */
export class Cluster {
  readonly folder: string;
  readonly processes: Processes;
  readonly #env: NodeJS.ProcessEnv;
  readonly #apiServer: string;
  #node: Node | undefined;

  private constructor(folder: string, server: string) {
    this.folder = folder;
    this.#apiServer = server;
    mkdirSync(join(folder, "logs"));
    this.processes = new Processes(join(folder, "logs"));
    this.#env = {
      ...process.env,
      KUBECONFIG: join(folder, "admin.kubeconfig"),
      HELM_CACHE_HOME: folder,
      HELM_CONFIG_HOME: folder,
      HELM_DATA_HOME: folder,
    };
  }

  /** `images`: images of Docker's engine that its pods may use. */
  static async up(docker: string, images: readonly string[]): Promise<Cluster> {
    const ours = await binaries();
    return Cluster.#of(ours["kube-apiserver"], async (cluster) => {
      cluster.#controllers(ours);
      const { processes } = cluster;
      const kubectl = (args: string[]): Promise<string> => cluster.kubectl(args);
      cluster.#node = new Node({ folder: cluster.folder, processes, binaries: ours, docker, kubectl });
      await cluster.#node.up(images);
    });
  }

  /** The API server alone: it validates objects, and nothing acts on them. */
  static async api(): Promise<Cluster> {
    return Cluster.#of(await apiServer(), async () => {});
  }

  static async #of(server: string, more: (cluster: Cluster) => Promise<void>): Promise<Cluster> {
    const cluster = new Cluster(mkdtempSync(join(paths.data, "cluster-")), server);
    try {
      await cluster.#bridge();
      await cluster.#server();
      await more(cluster);
      return cluster;
    } catch (error) {
      await cluster.down();
      throw error;
    }
  }

  kubectl(args: string[], input?: string): Promise<string> {
    return call(kubernetesTools().kubectl, args, { env: this.#env, ...(input !== undefined && { input }) });
  }

  async get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl(["get", ...args, "--output", "json"])) as T;
  }

  helm(args: string[], input?: string): Promise<string> {
    return call(kubernetesTools().helm, args, { env: this.#env, ...(input !== undefined && { input }) });
  }

  get node(): Node {
    return this.#node!;
  }

  /** Removes all its processes, pods, addresses and files. */
  async down(): Promise<void> {
    await this.#node?.down();
    await this.processes.end();
    for (const rule of FORWARDED) await call("iptables", ["-D", ...rule]).catch(() => {});
    await call("ip", ["link", "del", "pods"]).catch(() => {});
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #bridge(): Promise<void> {
    await call("ip", ["link", "add", "pods", "type", "bridge"]);
    await call("ip", ["address", "add", `${ADDRESS}/24`, "dev", "pods"]);
    await call("ip", ["link", "set", "pods", "up"]);
    // Docker's engine drops forwarded packets that are not its own.
    for (const rule of FORWARDED) await call("iptables", ["-I", ...rule]);
  }

  async #server(): Promise<void> {
    const { folder, processes } = this;
    const at = (name: string): string => join(folder, name);
    await makeCertificates(folder, ADDRESS);
    for (const name of ["admin", "kubelet"]) writeFileSync(at(`${name}.kubeconfig`), kubeconfig(folder, name));
    const etcd = ["--listen-client-urls", "--advertise-client-urls"].map(
      (flag) => `${flag}=http://127.0.0.1:${PORT + 1}`,
    );
    const peers = [`--listen-peer-urls=http://127.0.0.1:${PORT + 2}`, "--unsafe-no-fsync", "--log-level=warn"];
    processes.start("etcd", "etcd", [`--data-dir=${at("etcd")}`, ...etcd, ...peers], folder);
    const server = [
      `--etcd-servers=http://127.0.0.1:${PORT + 1}`,
      `--bind-address=${ADDRESS}`,
      `--advertise-address=${ADDRESS}`,
      `--secure-port=${PORT}`,
      `--tls-cert-file=${at("apiserver.crt")}`,
      `--tls-private-key-file=${at("apiserver.key")}`,
      `--client-ca-file=${at("ca.crt")}`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${at("accounts.key")}`,
      `--service-account-signing-key-file=${at("accounts.key")}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      "--authorization-mode=Node,RBAC",
      "--allow-privileged=false",
      "--kubelet-preferred-address-types=InternalIP",
      `--kubelet-client-certificate=${at("admin.crt")}`,
      `--kubelet-client-key=${at("admin.key")}`,
      `--requestheader-client-ca-file=${at("ca.crt")}`,
      "--requestheader-allowed-names=aggregator",
      "--requestheader-extra-headers-prefix=X-Remote-Extra-",
      "--requestheader-group-headers=X-Remote-Group",
      "--requestheader-username-headers=X-Remote-User",
      `--proxy-client-cert-file=${at("aggregator.crt")}`,
      `--proxy-client-key-file=${at("aggregator.key")}`,
    ];
    processes.start("apiserver", this.#apiServer, server, folder);
    await until("the API server is ready", async () => {
      processes.check();
      return (await this.kubectl(["get", "--raw", "/readyz"])) === "ok";
    });
  }

  #controllers(ours: Binaries): void {
    const { folder, processes } = this;
    const at = (name: string): string => join(folder, name);
    const controllers = [
      `--kubeconfig=${at("admin.kubeconfig")}`,
      "--use-service-account-credentials",
      `--service-account-private-key-file=${at("accounts.key")}`,
      `--root-ca-file=${at("ca.crt")}`,
      "--bind-address=127.0.0.1",
      "--leader-elect=false",
      // The shortest interval that an operator may configure. The default is four times as long.
      "--horizontal-pod-autoscaler-sync-period=5s",
      "--horizontal-pod-autoscaler-cpu-initialization-period=30s",
    ];
    processes.start("controllers", ours["kube-controller-manager"], controllers, folder);
    const scheduler = [`--kubeconfig=${at("admin.kubeconfig")}`, "--bind-address=127.0.0.1", "--leader-elect=false"];
    processes.start("scheduler", ours["kube-scheduler"], scheduler, folder);
  }
}

const FORWARDED = [
  ["FORWARD", "-i", "pods", "-j", "ACCEPT"],
  ["FORWARD", "-o", "pods", "-j", "ACCEPT"],
];

/** JSON is YAML. */
function kubeconfig(folder: string, name: string): string {
  const cluster = { server: `https://${ADDRESS}:${PORT}`, "certificate-authority": join(folder, "ca.crt") };
  const user = { "client-certificate": join(folder, `${name}.crt`), "client-key": join(folder, `${name}.key`) };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "cluster", cluster }],
    users: [{ name, user }],
    contexts: [{ name: "cluster", context: { cluster: "cluster", user: name } }],
    "current-context": "cluster",
  });
}
