import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADDRESS } from "./address.ts";
import type { Binaries } from "./binaries.ts";
import { call } from "./call.ts";
import type { Processes } from "./processes.ts";
import { until } from "./until.ts";

const PAUSE = "docker.io/local/pause:1";
const PLUGINS = "/usr/lib/cni";

interface Ground {
  folder: string;
  processes: Processes;
  binaries: Binaries;
  docker: string;
  kubectl(args: string[]): Promise<string>;
}

/** The cluster's one node: containerd, kubelet, cluster addresses and names. */
export class Node {
  readonly #ground: Ground;
  #up = false;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  get #socket(): string {
    return join(this.#ground.folder, "containerd.sock");
  }

  #containers(...args: string[]): Promise<string> {
    return call("ctr", ["--address", this.#socket, "--namespace", "k8s.io", ...args]);
  }

  async up(images: readonly string[]): Promise<void> {
    const { folder, processes, kubectl } = this.#ground;
    const at = (name: string): string => join(folder, name);
    this.#up = true;
    for (const name of ["network", "kubelet", "pause"]) mkdirSync(at(name));
    writeFileSync(at("network/10-pods.conflist"), JSON.stringify(network(folder)));
    writeFileSync(at("containerd.toml"), runtime(folder));
    processes.start("containerd", "containerd", ["--config", at("containerd.toml")], folder);
    await until("containerd answers", async () => (await this.#containers("version")) !== "");
    await this.#pauseImage();
    await this.load([PAUSE.replace("docker.io/", ""), ...images]);
    writeFileSync(at("kubelet.yaml"), JSON.stringify(kubelet(folder)));
    const flags = [
      `--kubeconfig=${at("kubelet.kubeconfig")}`,
      `--config=${at("kubelet.yaml")}`,
      `--root-dir=${at("kubelet")}`,
      "--hostname-override=node",
      `--node-ip=${ADDRESS}`,
    ];
    processes.start("kubelet", this.#ground.binaries.kubelet, flags, folder);
    processes.start("kube-proxy", this.#ground.binaries["kube-proxy"], [...proxying(folder)], folder);
    writeFileSync(at("names"), names(folder));
    processes.start("names", this.#ground.binaries.coredns, ["-conf", at("names")], folder);
    await until("the node is ready", async () => {
      processes.check();
      const jsonpath = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}';
      return (await kubectl(["get", "node", "node", "--output", jsonpath])) === "True";
    });
  }

  /** Copies images of Docker's engine to the node's. */
  async load(images: readonly string[]): Promise<void> {
    const save = spawn(this.#ground.docker, ["save", ...images], { stdio: ["ignore", "pipe", "inherit"] });
    const args = ["--address", this.#socket, "--namespace", "k8s.io", "images", "import", "-"];
    const load = spawn("ctr", args, { stdio: [save.stdout, "ignore", "inherit"] });
    const [[saved], [loaded]] = (await Promise.all([once(save, "exit"), once(load, "exit")])) as [[number], [number]];
    if (saved !== 0 || loaded !== 0) throw new Error(`The images ${images.join(", ")} did not reach the node.`);
  }

  /** The process id of a container on this machine. */
  async process(container: string): Promise<number> {
    const lines = (await this.#containers("tasks", "ls")).split("\n");
    const pid = lines.map((line) => line.trim().split(/\s+/)).find(([id]) => id === container)?.[1];
    if (pid === undefined) throw new Error(`The container ${container} does not run.`);
    return Number(pid);
  }

  async down(): Promise<void> {
    if (!this.#up) return;
    const { folder, processes } = this.#ground;
    await processes.end("kubelet");
    await processes.end("kube-proxy");
    // Each pod's resources are released here: the kubelet, which would do it, is gone.
    const running = await this.#containers("tasks", "ls", "--quiet").catch(() => "");
    const end = async (task: string): Promise<void> => {
      await this.#containers("tasks", "kill", "--signal", "SIGKILL", task).catch(() => "");
      await this.#containers("tasks", "delete", "--force", task).catch(() => "");
    };
    await Promise.all(running.split("\n").filter(Boolean).map(end));
    await processes.end("containerd");
    await call("sh", ["-c", `grep -o ' ${folder}[^ ]*' /proc/mounts | sort -r | xargs -r umount`]).catch(() => "");
    await call(this.#ground.binaries["kube-proxy"], ["--cleanup", "--hostname-override=node"]).catch(() => "");
    for (const command of ["iptables", "ip6tables"]) await withoutFirewall(command);
  }

  async #pauseImage(): Promise<void> {
    const folder = join(this.#ground.folder, "pause");
    copyFileSync(this.#ground.binaries.pause, join(folder, "pause"));
    chmodSync(join(folder, "pause"), 0o755);
    writeFileSync(join(folder, "Dockerfile"), 'FROM scratch\nCOPY pause /pause\nUSER 65535\nENTRYPOINT ["/pause"]\n');
    await call(this.#ground.docker, ["build", "--quiet", "--tag", PAUSE.replace("docker.io/", ""), folder]);
  }
}

/** The only chain that kube-proxy leaves behind. */
async function withoutFirewall(command: string): Promise<void> {
  const jumps = ["INPUT", "OUTPUT"].map((chain) => ["-D", chain, "-j", "KUBE-FIREWALL"]);
  for (const args of [...jumps, ["-F", "KUBE-FIREWALL"], ["-X", "KUBE-FIREWALL"]])
    await call(command, args).catch(() => "");
}

const network = (folder: string) => ({
  cniVersion: "0.4.0",
  name: "pods",
  plugins: [
    {
      type: "bridge",
      bridge: "pods",
      isGateway: true,
      hairpinMode: true,
      ipam: {
        type: "host-local",
        ranges: [[{ subnet: "10.244.0.0/24" }]],
        routes: [{ dst: "0.0.0.0/0" }],
        dataDir: join(folder, "addresses"),
      },
    },
  ],
});

const runtime = (folder: string): string => `version = 2
root = "${folder}/containerd"
state = "${folder}/containerd-state"
[grpc]
  address = "${folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  # Root may lack the right to lower its OOM score.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${PLUGINS}"
    conf_dir = "${folder}/network"
`;

const kubelet = (folder: string) => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  cgroupDriver: "cgroupfs",
  failSwapOn: false,
  failCgroupV1: false,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: join(folder, "ca.crt") },
  },
  authorization: { mode: "Webhook" },
  clusterDNS: [ADDRESS],
  clusterDomain: "cluster.local",
  address: ADDRESS,
  healthzBindAddress: "127.0.0.1",
  containerRuntimeEndpoint: `unix://${folder}/containerd.sock`,
  podLogsDir: join(folder, "pod-logs"),
  imageGCHighThresholdPercent: 100,
  evictionHard: {
    "memory.available": "100Mi",
    "nodefs.available": "0%",
    "nodefs.inodesFree": "0%",
    "imagefs.available": "0%",
  },
  cgroupRoot: "/",
  enforceNodeAllocatable: [] as string[],
  // No other program would remove these.
  makeIPTablesUtilChains: false,
});

const proxying = (folder: string): string[] => [
  `--kubeconfig=${folder}/admin.kubeconfig`,
  "--hostname-override=node",
  "--proxy-mode=iptables",
  "--cluster-cidr=10.244.0.0/16",
  "--metrics-bind-address=127.0.0.1:10249",
  "--healthz-bind-address=127.0.0.1:10256",
  "--conntrack-max-per-core=0",
  "--conntrack-tcp-timeout-established=0s",
  "--conntrack-tcp-timeout-close-wait=0s",
];

const names = (folder: string): string => `.:53 {
  bind ${ADDRESS}
  errors
  cache 5
  kubernetes cluster.local {
    kubeconfig ${folder}/admin.kubeconfig
  }
}
`;
