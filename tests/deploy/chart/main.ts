import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makePaths, repository } from "#local/process/paths.ts";
import { step } from "#local/process/progress.ts";
import { command, reasonOf } from "#local/process/user-error.ts";
import { chart } from "#tests/chart/render.ts";
import { call } from "#tests/deploy/cluster/call.ts";
import { Cluster } from "#tests/deploy/cluster/cluster.ts";
import { ensurePackages } from "#tests/deploy/cluster/packages.ts";
import { Scaling } from "#tests/deploy/cluster/scaling.ts";
import { until } from "#tests/deploy/cluster/until.ts";
import { docker, ensureEngine } from "#tests/deploy/engine.ts";
import { images } from "#tools/image/third-party-images.ts";
import { ensureImages } from "#tests/deploy/stand-ins.ts";
import { Release, NAME, NAMESPACE } from "./release.ts";
import { Traffic } from "./traffic.ts";
import { tried } from "./checks.ts";

/**
 * The chart in a real cluster on this machine, from `helm install` to removal, under a load whose history is checked.
 */
const { keep } = parseArgs({ options: { keep: { type: "boolean" } } }).values;
const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
const IMAGE = "saasaparilla/notifications";
const NEXT = `${version}-next`;
const MANY = 4;
const FEW = 2;

/** Settings of every set of values: the load's tenants, and times and limits short enough for a test. */
const LITTLE = { requests: { cpu: "20m" } };
const VALUES_OF_TEST = {
  platform: { tenants: ["default", "acme", "globex"] },
  autoscaling: { enabled: true },
  receiver: { resources: LITTLE, autoscaling: { max: 4 } },
  director: { resources: LITTLE, autoscaling: { max: 4 } },
  distributor: {
    resources: LITTLE,
    drainSeconds: 5,
    // A Service sends each poll to another pod, and each pod counts the loop for this long.
    settings: { POLL_GRACE_MS: 2_000 },
    autoscaling: { min: FEW, max: MANY, connections: "60", scaleInSeconds: 15, stabilizationSeconds: 10 },
  },
};
const AFTER = {
  ...VALUES_OF_TEST,
  image: { tag: NEXT },
  receiver: { ...VALUES_OF_TEST.receiver, settings: { PACE_MS: 8 } },
  director: { ...VALUES_OF_TEST.director, settings: { WINDOW: 128 } },
  distributor: {
    ...VALUES_OF_TEST.distributor,
    settings: { ...VALUES_OF_TEST.distributor.settings, HEARTBEAT_MS: 14_000 },
  },
};

const rows: [what: string, seen: string][] = [];
const seconds = (value: number): string => `${value.toFixed(1)} s`;

/** A line of the report. */
async function phase(what: string, work: () => Promise<string>): Promise<void> {
  const began = performance.now();
  const seen = await step(what, work);
  rows.push([what, seen === "" ? seconds((performance.now() - began) / 1_000) : seen]);
}

async function prepare(): Promise<void> {
  await ensurePackages();
  await ensureEngine();
  await ensureImages(["node", "kafka", "postgres", "valkey"]);
  await step("the image", async () => {
    await call(process.execPath, [join(repository, "tools/image/build-image.ts"), "--quiet"]);
    await call(docker, ["tag", `${IMAGE}:${version}`, `${IMAGE}:${NEXT}`]);
  });
}

/** Resources that a user's cluster has and this one lacks: volumes. */
async function furnish(cluster: Cluster): Promise<void> {
  const volumes = ["kafka", "postgres"].map((name) => {
    const path = join(cluster.folder, "volumes", name);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
    const spec = { capacity: { storage: "8Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path } };
    return { apiVersion: "v1", kind: "PersistentVolume", metadata: { name }, spec };
  });
  const list = { apiVersion: "v1", kind: "List", items: volumes };
  await cluster.kubectl(["apply", "--filename", "-"], JSON.stringify(list));
}

interface Reading {
  current: { averageValue: string };
}

interface Autoscaler {
  spec: { metrics: object[] };
  status: {
    currentMetrics?: { pods?: Reading & { metric: { name: string } }; resource?: Reading & { name: string } }[];
  };
}

/** The metrics that its autoscaler has read, once it uses no others. */
async function readFor(kind: string, cluster: Cluster): Promise<string | undefined> {
  const { spec, status } = await cluster.get<Autoscaler>("hpa", `${NAME}-${kind}`, "--namespace", NAMESPACE);
  const read = (status.currentMetrics ?? []).flatMap(({ pods, resource }) => {
    if (pods) return `${pods.metric.name} ${pods.current.averageValue}`;
    return resource ? `${resource.name} ${resource.current.averageValue}` : [];
  });
  return read.length === spec.metrics.length ? read.join(", ") : undefined;
}

async function run(cluster: Cluster): Promise<void> {
  const release = new Release(cluster);
  await furnish(cluster);
  await phase("every set of values, tried by the API server", () => tried(cluster));
  await phase("helm install, without values, until all is ready", async () => {
    await release.install("install");
    await release.rolledOut();
    return "";
  });
  await phase("helm test", async () => {
    const said = await release.helm("test", NAME, "--logs");
    return ["websocket", "sse", "poll"]
      .map((transport) => new RegExp(`^${transport}: .*$`, "m").exec(said)![0])
      .join("; ");
  });

  const scaling = new Scaling(cluster, join(chart, "files/adapter-rules.yaml"));
  await scaling.start();
  try {
    await phase("helm upgrade: tenants, autoscalers; nothing is made anew", async () => {
      const before = await release.secret("identity");
      await release.install("upgrade", VALUES_OF_TEST);
      await release.rolledOut();
      await release.find();
      if (JSON.stringify(before) !== JSON.stringify(await release.secret("identity")))
        throw new Error("the key is another");
      return "";
    });
    const load = { name: "load", seed: 7, clients: 40, rate: 60, habits: { roaming: 2, dying: 1 } };
    const traffic = await Traffic.start(release, load);
    await phase(
      "a load of 40 clients of two tenants, over every transport",
      async () => `all there after ${seconds(await traffic.flows())}`,
    );
    await phase("every autoscaler reads all of its metrics", async () => {
      const read = ["receiver", "director", "distributor", "courier", "dispatcher", "recorder"].map((kind) =>
        until(`the autoscaler of the ${kind} has read its metrics`, () => readFor(kind, cluster)),
      );
      return (await Promise.all(read)).join("; ");
    });
    await disturb(release, traffic);
    await scale(release, traffic);
    await upgrade(release, traffic);
    await phase("the load's history", async () => verdictOf(traffic));
  } finally {
    scaling.stop();
  }
  await phase("helm uninstall: what cannot be had again stays", async () => {
    await release.helm("uninstall", NAME, "--wait");
    await Promise.all([release.secret("identity"), release.secret("postgres")]);
    const { items } = await cluster.get<{ items: object[] }>("pvc", "--namespace", NAMESPACE);
    return `2 secrets, ${items.length} volumes`;
  });
}

async function disturb(release: Release, traffic: Traffic): Promise<void> {
  for (const kind of ["receiver", "director", "distributor"]) {
    await phase(`kill -9 of a ${kind}`, async () => {
      const { restarted, ready } = await release.signal(kind, "SIGKILL");
      return `started again after ${seconds(restarted)}, ready after ${seconds(ready)}, all there ${seconds(await traffic.flows())} later`;
    });
    await phase(`a ${kind} is evicted`, async () => {
      await release.remove(kind);
      await release.rolledOut();
      return `all there ${seconds(await traffic.flows())} later`;
    });
  }
  await phase("a distributor hangs (SIGSTOP)", async () => {
    const { restarted, ready } = await release.signal("distributor", "SIGSTOP");
    if (restarted > 60) throw new Error(`noticed after ${seconds(restarted)}: a minute is promised`);
    return `started again after ${seconds(restarted)}, ready after ${seconds(ready)}, all there ${seconds(await traffic.flows())} later`;
  });
  for (const store of ["redis", "postgres"])
    await phase(`kill -9 of the bundled ${store}`, async () => {
      const { ready } = await release.signal(store, "SIGKILL");
      return `ready after ${seconds(ready)}, all there ${seconds(await traffic.flows())} later`;
    });
}

/** A crowd comes and goes; clients that stay notice only a reconnect. */
async function scale(release: Release, traffic: Traffic): Promise<void> {
  const { cluster } = release;
  const distributors = async (): Promise<number> => (await release.pods("distributor")).length;
  let crowd: Traffic;
  await phase("a crowd connects: the autoscaler reads it, and adds distributors", async () => {
    const before = await distributors();
    const began = performance.now();
    crowd = await Traffic.start(release, { name: "crowd", seed: 8, clients: 140, rate: 20, habits: {} });
    await crowd.gathered();
    let said = "";
    await until("there are more distributors", async () => {
      said = (await readFor("distributor", cluster)) ?? said;
      return (await distributors()) >= MANY;
    });
    const took = (performance.now() - began) / 1_000;
    await release.rolledOut();
    return `${before} to ${MANY} in ${seconds(took)}, at ${said}; all there ${seconds(await traffic.flows())} later`;
  });
  await phase("the crowd's history", async () => verdictOf(crowd));
  await phase("the crowd is gone: one distributor is taken away at a time", async () => {
    const began = performance.now();
    const seen: string[] = [];
    let last = MANY;
    await until(
      "there are as few as before",
      async () => {
        const now = await distributors();
        if (last - now > 1) throw new Error(`${last - now} went at once`);
        if (now < last) seen.push(`${now} after ${seconds((performance.now() - began) / 1_000)}`);
        last = now;
        return now === FEW;
      },
      300_000,
    );
    return `${seen.join(", ")}; all there ${seconds(await traffic.flows())} later`;
  });
}

async function upgrade(release: Release, traffic: Traffic): Promise<void> {
  await phase("helm upgrade under load: another image, other settings", async () => {
    const began = performance.now();
    await release.install("upgrade", AFTER);
    await release.rolledOut();
    const took = seconds((performance.now() - began) / 1_000);
    return `${took}; all there ${seconds(await traffic.flows())} later`;
  });
  await phase("helm rollback under load", async () => {
    const began = performance.now();
    await release.helm("rollback", NAME, "2");
    await release.rolledOut();
    const took = seconds((performance.now() - began) / 1_000);
    return `${took}; all there ${seconds(await traffic.flows())} later`;
  });
}

async function verdictOf(traffic: Traffic): Promise<string> {
  const { figures, violations } = await traffic.end();
  for (const { breach, key, detail } of violations.slice(0, 10)) process.stderr.write(`${breach}: ${key}: ${detail}\n`);
  if (violations.length > 0) throw new Error(`${violations.length} promises were broken`);
  const { sent, received, unknown, failed, lost, reordered, duplicates, silence } = figures;
  return `${sent} accepted, ${received} received, ${lost} lost, ${reordered} out of order, ${duplicates} twice over reconnects, ${failed} refused, ${unknown} of unknown outcome, longest silence ${seconds(silence / 1_000)}`;
}

await command(async () => {
  makePaths();
  await prepare();
  const names = [`${IMAGE}:${version}`, `${IMAGE}:${NEXT}`, images.kafka, images.postgres, images.valkey];
  const cluster = await step("a cluster", () => Cluster.up(docker, names));
  try {
    await run(cluster);
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? `: ${reasonOf(error.cause)}` : "";
    process.stderr.write(`\n✗ ${reasonOf(error)}${cause}\n`);
    process.exitCode = 1;
    process.stderr.write(await cluster.kubectl(["get", "pods,hpa,events", "--namespace", NAMESPACE]).catch(String));
    if (keep) {
      process.stderr.write(`\nIt is kept until an interrupt: KUBECONFIG=${join(cluster.folder, "admin.kubeconfig")}\n`);
      await once(process, "SIGINT");
    }
  } finally {
    await step("all of it is taken down", () => cluster.down());
  }
  process.stdout.write(
    `\n| step | seen |\n| --- | --- |\n${rows.map(([what, seen]) => `| ${what} | ${seen} |`).join("\n")}\n`,
  );
  process.exit();
});
