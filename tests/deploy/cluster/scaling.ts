import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import { join } from "node:path";
import { parse } from "yaml";
import { ADDRESS } from "./address.ts";
import type { Cluster } from "./cluster.ts";
import { until } from "./until.ts";

/** The parts of prometheus-adapter's rules that these rules use. */
interface Rule {
  seriesQuery: string;
  name: { as: string };
  metricsQuery: string;
}

interface Pod {
  metadata: { name: string; namespace: string; labels: Record<string, string>; deletionTimestamp?: string };
  spec: { containers: { ports?: { name: string; containerPort: number }[] }[] };
  status: { podIP?: string };
}

const LOOK_MS = 1_000;
const CUSTOM = "custom.metrics.k8s.io/v1beta2";
const RESOURCES = "metrics.k8s.io/v1beta1";
const PROMETHEUS = `${ADDRESS}:6450`;
const PORT = 6451;

/**
 * The metrics of autoscalers, by a real Prometheus that scrapes the real pods. No registry here has binaries of
 * prometheus-adapter, so this server answers by the adapter's own rules. It also replaces metrics-server, with the CPU
 * metric of each process.
 */
export class Scaling {
  readonly #cluster: Cluster;
  readonly #rules: Rule[];
  #pods: Pod[] = [];
  #server: Server | undefined;
  #looks: NodeJS.Timeout | undefined;
  /** An autoscaler's query, and the last answer to it. */
  readonly answered = new Map<string, Record<string, number>>();

  constructor(cluster: Cluster, rules: string) {
    this.#cluster = cluster;
    this.#rules = (parse(readFileSync(rules, "utf8")) as { rules: Rule[] }).rules;
  }

  async start(): Promise<void> {
    const { folder, processes } = this.#cluster;
    mkdirSync(join(folder, "prometheus"));
    writeFileSync(join(folder, "targets.json"), "[]");
    const scrape = {
      job_name: "pods",
      honor_labels: true,
      file_sd_configs: [{ files: [join(folder, "targets.json")], refresh_interval: "1s" }],
    };
    const config = { global: { scrape_interval: "2s" }, scrape_configs: [scrape] };
    writeFileSync(join(folder, "prometheus.json"), JSON.stringify(config));
    const flags = [
      `--config.file=${join(folder, "prometheus.json")}`,
      `--storage.tsdb.path=${join(folder, "prometheus")}`,
    ];
    processes.start("prometheus", "prometheus", [...flags, `--web.listen-address=${PROMETHEUS}`], folder);
    const certificate = (name: string): Buffer => readFileSync(join(folder, `apiserver.${name}`));
    const server = createServer({ key: certificate("key"), cert: certificate("crt") }, (request, response) => {
      response.setHeader("content-type", "application/json");
      this.#answer(new URL(request.url ?? "/", "https://adapter")).then(
        (body) => {
          if (body === undefined) response.statusCode = 404;
          response.end(JSON.stringify(body ?? { kind: "Status", apiVersion: "v1", status: "Failure", code: 404 }));
        },
        (error: unknown) => {
          response.statusCode = 500;
          response.end(
            JSON.stringify({ kind: "Status", apiVersion: "v1", status: "Failure", code: 500, message: String(error) }),
          );
        },
      );
    });
    this.#server = server.listen(PORT, "127.0.0.1");
    let looking = false;
    this.#looks = setInterval(() => {
      if (looking) return;
      looking = true;
      void this.#look()
        .catch(() => undefined)
        .finally(() => (looking = false));
    }, LOOK_MS);
    await this.#cluster.kubectl(["apply", "--filename", "-"], JSON.stringify(registered()));
    await until("the API server accepts metrics from this server", async () => {
      const list = await this.#cluster.kubectl(["get", "--raw", `/apis/${CUSTOM}`]);
      return list.includes(this.#rules[0]!.name.as);
    });
  }

  stop(): void {
    clearInterval(this.#looks);
    this.#server?.close();
    this.#server?.closeAllConnections();
  }

  /** This version of Prometheus cannot discover Kubernetes pods: a file lists them. */
  async #look(): Promise<void> {
    const { items } = await this.#cluster.get<{ items: Pod[] }>("pods", "--all-namespaces");
    this.#pods = items;
    const targets = items.flatMap(({ metadata, spec, status }) => {
      const port = spec.containers
        .flatMap(({ ports = [] }) => ports)
        .find(({ name }) => name === "http")?.containerPort;
      if (port === undefined || status.podIP === undefined || metadata.deletionTimestamp !== undefined) return [];
      return { targets: [`${status.podIP}:${port}`], labels: { namespace: metadata.namespace, pod: metadata.name } };
    });
    const file = join(this.#cluster.folder, "targets.json");
    writeFileSync(`${file}.partial`, JSON.stringify(targets));
    renameSync(`${file}.partial`, file);
  }

  async #answer({ pathname, searchParams }: URL): Promise<unknown> {
    const [, group, version, , namespace, , , metric] = pathname.split("/").filter(Boolean);
    const api = `${group}/${version}`;
    if (api === CUSTOM && namespace === undefined)
      return listOf(
        api,
        this.#rules.map(({ name }) => `pods/${name.as}`),
        "MetricValueList",
      );
    if (api === RESOURCES && namespace === undefined) return listOf(api, ["pods"], "PodMetrics");
    if (namespace === undefined) return undefined;
    const pods = this.#selected(namespace, searchParams.get("labelSelector") ?? "");
    const matchers = `namespace="${namespace}",pod=~"${pods.join("|")}"`;
    if (api === RESOURCES) return podMetrics(namespace, await cpuOf(matchers));
    const rule = this.#rules.find(({ name }) => name.as === metric);
    if (!rule) return undefined;
    const query = rule.metricsQuery
      .replaceAll("<<.Series>>", /^\w+/.exec(rule.seriesQuery)![0])
      .replaceAll("<<.LabelMatchers>>", matchers)
      .replaceAll("<<.GroupBy>>", "pod");
    const values = await asked(query);
    this.answered.set(rule.name.as, Object.fromEntries(values));
    const items = [...values].map(([pod, value]) => ({
      describedObject: { kind: "Pod", namespace, name: pod, apiVersion: "/v1" },
      metric: { name: metric },
      timestamp: new Date().toISOString(),
      value: `${Math.round(value * 1_000)}m`,
    }));
    return { kind: "MetricValueList", apiVersion: CUSTOM, metadata: {}, items };
  }

  #selected(namespace: string, selector: string): string[] {
    const wanted = selector.split(",").map((one) => one.split("="));
    return this.#pods
      .filter(
        ({ metadata }) =>
          metadata.namespace === namespace && wanted.every(([label, value]) => metadata.labels[label!] === value),
      )
      .map(({ metadata }) => metadata.name);
  }
}

const cpuOf = (matchers: string): Promise<Map<string, number>> =>
  asked(`sum(rate(process_cpu_seconds_total{${matchers}}[20s])) by (pod)`);

/** The metric of each pod. */
async function asked(query: string): Promise<Map<string, number>> {
  const response = await fetch(`http://${PROMETHEUS}/api/v1/query?query=${encodeURIComponent(query)}`);
  const answer = (await response.json()) as {
    data: { result: { metric: { pod: string }; value: [number, string] }[] };
  };
  return new Map(answer.data.result.map(({ metric, value }) => [metric.pod, Number(value[1])]));
}

const listOf = (api: string, names: string[], kind: string) => ({
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: api,
  resources: names.map((name) => ({ name, singularName: "", namespaced: true, kind, verbs: ["get", "list"] })),
});

const podMetrics = (namespace: string, cpu: Map<string, number>) => ({
  kind: "PodMetricsList",
  apiVersion: RESOURCES,
  metadata: {},
  items: [...cpu].map(([name, cores]) => ({
    metadata: { name, namespace },
    timestamp: new Date().toISOString(),
    window: "20s",
    containers: [{ name: "process", usage: { cpu: `${Math.round(cores * 1_000)}m`, memory: "0" } }],
  })),
});

/** A Service whose endpoint is this machine, and the two APIs behind it. */
function registered() {
  const service = { name: "scaling", namespace: "kube-system" };
  const apis = [CUSTOM, RESOURCES].map((api) => {
    const [group, version] = api.split("/");
    return {
      apiVersion: "apiregistration.k8s.io/v1",
      kind: "APIService",
      metadata: { name: `${version}.${group}` },
      spec: {
        group,
        version,
        groupPriorityMinimum: 100,
        versionPriority: 100,
        insecureSkipTLSVerify: true,
        service: { ...service, port: PORT },
      },
    };
  });
  const here = {
    apiVersion: "v1",
    kind: "Service",
    metadata: service,
    spec: { type: "ExternalName", externalName: "localhost", ports: [{ port: PORT }] },
  };
  return { apiVersion: "v1", kind: "List", items: [here, ...apis] };
}
