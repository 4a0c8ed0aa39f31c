import { writeFileSync } from "node:fs";
import { makePaths } from "#local/process/paths.ts";
import { logFile } from "#local/process/processes.ts";
import { note, step } from "#local/process/progress.ts";
import { UserError, command, reasonOf } from "#local/process/user-error.ts";
import { ensureEngine } from "#tests/deploy/engine.ts";
import { DASHBOARDS } from "#tools/observe/dashboards.ts";
import { images, type ImageName } from "#tools/image/third-party-images.ts";
import { ensureImages } from "#tests/deploy/stand-ins.ts";
import { Publisher, Subscriber } from "./load.ts";
import { Project, until } from "./project.ts";

/**
 * A new user's journey through compose/: up, publish, receive over three transports through the load balancer while
 * containers are killed; the inboxes; down and up again; then no trace is left. Exits with 1 if anything is lost, out of order,
 * duplicated or left.
 */
const LOG = logFile("compose-journey");

interface Configured {
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  ports?: { host_ip?: string }[];
}

async function confined(project: Project): Promise<void> {
  const { services } = JSON.parse(await project.compose("--profile", "*", "config", "--format", "json")) as {
    services: Record<string, Configured>;
  };
  const wrong = Object.entries(services).flatMap(([name, service]) => [
    ...(service.read_only && service.cap_drop?.join() === "ALL" ? [] : [`${name}: read_only, cap_drop`]),
    ...(service.security_opt?.includes("no-new-privileges:true") ? [] : [`${name}: no-new-privileges`]),
    ...(service.mem_limit ? [] : [`${name}: mem_limit`]),
    ...(service.ports?.every((port) => port.host_ip === "127.0.0.1") === false ? [`${name}: published to all`] : []),
    ...(service.ports && !["haproxy", "prometheus", "grafana"].includes(name) ? [`${name}: published`] : []),
  ]);
  if (wrong.length > 0 || Object.keys(services).length < 10)
    throw new UserError("compose.yaml is too open:", wrong.join("; "));
}

/** Prometheus accepts every query of the dashboards, and a permanent series of the first one has a value. */
async function drawn(project: Project): Promise<void> {
  const rare = /refused|limited|forbidden|closed|failures/;
  const queries = DASHBOARDS.flatMap(({ uid, panels }) =>
    panels.flatMap((panel) =>
      Object.values(panel.queries).map((expr) => ({ uid, query: expr.replaceAll("$__rate_interval", "1m") })),
    ),
  );
  for (const { uid, query } of queries) {
    // The others have series of what this journey does not do.
    const optional = uid !== "notifications" || rare.test(query);
    await until(`Prometheus has nothing for ${query}`, async () => {
      const response = await fetch(`${project.prometheus}/api/v1/query?query=${encodeURIComponent(query)}`);
      const answer = (await response.json()) as { error?: string; data?: { result: unknown[] } };
      if (answer.error !== undefined) throw new UserError(`${query}:`, answer.error);
      return optional || answer.data!.result.length > 0;
    });
  }
}

async function journey(project: Project): Promise<void> {
  await confined(project);
  await step("docker compose up, images built", () => project.compose("up", "--build", "--wait", "--quiet-pull"));
  const nameless = await project.nameless();
  if (nameless.length > 0) throw new UserError("A volume without a name is left by each `down`:", nameless.join("; "));
  const names = ["ada", "ben", "cyd"];
  const publisher = new Publisher(project.url, await project.token("--publisher"));
  const clients = await Promise.all(
    names.map(async (name) => new Subscriber(project.url, name, await project.token("--client", name, "--ttl", "1d"))),
  );
  const [ada, ben, cyd] = clients as [Subscriber, Subscriber, Subscriber];

  await step("connected over three transports", async () => {
    await Promise.all([ada.connect("websocket"), ben.connect("sse"), cyd.connect("poll")]);
    publisher.start(clients);
    await until("nothing arrives", () => clients.every((client) => client.received > 20));
  });
  for (const service of ["distributor", "director", "receiver", "courier", "valkey"])
    await step(`${service}: kill -9`, async () => {
      const container = await project.one(service);
      await project.crash(container);
      await project.healthy(container);
    });
  await step("a distributor leaves, by itself, and comes back", async () => {
    const container = await project.one("distributor");
    await project.leaves(container);
    await project.comes(container);
  });
  await step("Prometheus, its alerts and the dashboard", async () => {
    const promtool = (...args: string[]) =>
      project.compose(
        "run",
        "--rm",
        "--no-deps",
        "--workdir",
        "/etc/prometheus",
        "--entrypoint",
        "promtool",
        "prometheus",
        ...args,
      );
    await promtool("check", "config", "prometheus.yml");
    await promtool("test", "rules", "alerts.test.yaml");
    await project.compose("up", "--wait", "--no-recreate", "prometheus");
    await drawn(project);
  });
  await publisher.stop();
  await Promise.all(clients.map((client) => client.arrived()));
  const sum = clients.reduce((count, client) => count + client.received, 0);
  note(`${sum} published and received, each once, in order; ${publisher.refused} requests were sent again`);

  await step("the inbox is the same for all, and a mark holds after a kill -9 of the courier", async () => {
    await Promise.all(clients.map((client) => client.listed()));
    const [first, second] = await ada.listed();
    const courier = await project.one("courier");
    await ada.read([first!, second!]);
    await project.crash(courier);
    await project.healthy(courier);
    await ada.read([first!, second!]);
  });

  await step("down and up: what was stored is there", async () => {
    await Promise.all(clients.map((client) => client.leave()));
    for (let n = 0; n < 5; n += 1) await Promise.all(clients.map((client) => publisher.publish(client)));
    await Promise.all(["receiver", "director", "console"].map(async (name) => project.leaves(await project.one(name))));
    await project.compose("--profile", "*", "down");
    await project.compose("up", "--wait");
    await Promise.all([ada.connect("poll"), ben.connect("websocket"), cyd.connect("sse")]);
    await Promise.all(clients.map((client) => client.arrived()));
    await Promise.all(clients.map((client) => client.listed()));
    await Promise.all(clients.map((client) => client.leave()));
  });
}

await command(async () => {
  makePaths();
  const stopEngine = await ensureEngine();
  try {
    await ensureImages(Object.keys(images) as ImageName[]);
    const project = await Project.create();
    try {
      await journey(project);
    } catch (error) {
      writeFileSync(LOG, await project.compose("logs", "--no-color", "--timestamps").catch(reasonOf));
      throw new UserError(reasonOf(error), `What the containers said: ${LOG}`, { cause: error });
    } finally {
      await step("docker compose down -v", () =>
        project.compose("--profile", "*", "down", "--volumes", "--remove-orphans"),
      );
    }
    const remains = await project.remains();
    if (remains.length > 0) throw new UserError("Docker still has something of it:", remains.join(" "));
  } finally {
    await stopEngine();
  }
});
