import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { repository } from "#local/process/paths.ts";
import { ROLE_NAMES } from "@saasaparilla/shared/store-grants/grants.ts";
import { serviceOf } from "#image/services.ts";
import { consoleSettings } from "#services/console/settings.ts";
import { images } from "#tools/image/third-party-images.ts";

const read = (file: string): string => readFileSync(join(repository, file), "utf8");
const compose = read("compose/compose.yaml");
const { version } = JSON.parse(read("package.json")) as { version: string };

test("compose runs and builds this version", () => {
  const named = [...compose.matchAll(/saasaparilla\/notifications:([\w.-]+)|VERSION: ([\w.-]+)/g)];
  expect(named.map(([, tag, built]) => tag ?? built)).toEqual([version, version]);
});

test("the tests use exactly the images of compose and the Dockerfile", () => {
  const named = [...compose.matchAll(/_IMAGE:-([^}]+)}/g)].map(([, image]) => image!);
  const { node, ...rest } = images;
  // No package contains Grafana.
  const expected = ["saasaparilla/notifications:" + version, "grafana/grafana:12.2.0", ...Object.values(rest)];
  expect(named.toSorted()).toEqual(expected.toSorted());
  expect(read("Dockerfile")).toContain(`ARG NODE_IMAGE=${node}\n`);
});

test("compose/pulumi.yaml replaces compose's own store addresses for every service", () => {
  type File = { services: Record<string, { environment?: Record<string, unknown> }> };
  const told = (file: File): string[] =>
    Object.keys(file.services).filter((name) => file.services[name]?.environment?.KAFKA_BROKERS !== undefined);
  const elsewhere = told(parse(read("compose/pulumi.yaml"), { merge: true, logLevel: "error" }) as File);
  expect(elsewhere.toSorted()).toEqual(told(parse(compose, { merge: true, logLevel: "error" }) as File).toSorted());
});

test("a new user in the stores makes new containers of Kafka and Valkey, which read their users at the start", () => {
  const { services } = parse(compose, { merge: true, logLevel: "error" }) as {
    services: Record<string, { labels?: Record<string, string> }>;
  };
  for (const store of ["kafka", "valkey"])
    expect(services[store]?.labels?.["saasaparilla.users"]?.split(" ")).toEqual([...ROLE_NAMES]);
});

test("Swarm runs the same services, and an absent store restarts none of them", () => {
  type Service = { command?: string[]; image: string; healthcheck?: { test?: string[] } };
  const swarm = parse(read("compose/swarm.yaml"), { merge: true, logLevel: "error" }) as {
    services: Record<string, Service>;
  };
  const { haproxy, provision, ...services } = swarm.services;
  expect(haproxy?.image).toContain(images.haproxy);
  expect(provision?.command).toEqual(["provision"]);
  expect(Object.keys(services).toSorted()).toEqual([
    "console",
    "courier",
    "director",
    "dispatcher",
    "distributor",
    "receiver",
    "recorder",
  ]);
  for (const [name, { command, healthcheck }] of Object.entries(services)) {
    expect(command).toEqual([name]);
    // Swarm replaces unhealthy tasks, and /health/ready fails while a store is away.
    expect(healthcheck?.test?.at(-1)).toContain("/health/live");
  }
});

test.each(["compose", "swarm"])("the console of %s knows the address of every service", (name) => {
  type File = { services: Record<string, { environment?: Record<string, string>; command?: string[] }> };
  const { services } = parse(read(`compose/${name}.yaml`), { merge: true, logLevel: "error" }) as File;
  const told = services.console?.environment ?? {};
  const addresses = Object.entries(consoleSettings.shape).flatMap(([setting, shape]) => {
    const kind = /^([A-Z]+)_URL$/.exec(setting)?.[1]?.toLowerCase() ?? "";
    return kind in services && shape.safeParse(undefined).data !== undefined
      ? [[setting, kind, shape.parse(undefined) as string] as const]
      : [];
  });
  expect(addresses).toHaveLength(5);
  for (const [setting, kind, ours] of addresses) expect(told[setting]).toBe(`http://${kind}:${new URL(ours).port}`);
  const asked = (told.METRICS_URLS ?? "").split(",").map((url) => new URL(url).hostname);
  const expected = Object.keys(services).filter(
    (kind) => services[kind]?.command?.[0] === kind && serviceOf(kind) !== undefined && kind !== "provision",
  );
  expect(asked.toSorted()).toEqual(expected.toSorted());
});

test("HAProxy and the chart send the same public paths to the same services", () => {
  const chart = Object.fromEntries(
    Array.from(
      read("charts/saasaparilla-notifications/templates/_paths.tpl").matchAll(
        /define "([a-z]+)-paths" -}}\n((?:- .+\n)+)/g,
      ),
      ([, name, lines]) => [name!, lines!.trim().replaceAll("- ", "").split("\n")],
    ),
  );
  const haproxy: Record<string, string[]> = {};
  for (const [, name, kind, paths] of read("compose/haproxy/haproxy.cfg").matchAll(/acl (\w+) (path|path_beg) (.+)/g)) {
    // The chart marks a prefix by its last character.
    for (const path of paths!.split(" ")) expect(path.endsWith("/")).toBe(kind === "path_beg");
    (haproxy[name!] ??= []).push(...paths!.split(" "));
  }
  const sorted = (...lists: (string[] | undefined)[]): string[] => lists.flatMap((list) => list ?? []).toSorted();
  expect(sorted(haproxy.inbox)).toEqual(["/v1/inbox", "/v1/inbox/"]);
  expect(sorted(haproxy.inbox)).toEqual(sorted(chart.inbox));
  expect(sorted(haproxy.publish)).toEqual(sorted(chart.publisher));
  expect(sorted(haproxy.queue)).toEqual(sorted(chart.queue));
  expect(sorted(haproxy.subscribe)).toEqual(sorted(chart.stream, chart.poll));
});
