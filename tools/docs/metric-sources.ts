import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { createRegistry, type Registry } from "@saasaparilla/shared/runtime/metrics.ts";
import { repository } from "#local/process/paths.ts";

export interface Series {
  name: string;
  type: string;
  help: string;
  labels: readonly string[];
  /** The services that have it. */
  services: readonly string[];
  /** The service whose code registers it. Undefined for series of shared code. */
  owner: string | undefined;
}

const read = (path: string): string => readFileSync(join(repository, path), "utf8");
export const SERVICES = globSync("services/*/main.ts", { cwd: repository })
  .map((path) => path.split("/")[1]!)
  .filter((service) => service !== "provision")
  .toSorted((a, b) => orderOf(a) - orderOf(b));

/** From the publisher to the client; others follow. */
function orderOf(service: string): number {
  const at = ["receiver", "director", "distributor", "courier", "dispatcher", "console"].indexOf(service);
  return at === -1 ? Infinity : at;
}

/** Every series of the code, in the order of the services. */
export async function allSeries(): Promise<Series[]> {
  const own = await Promise.all(SERVICES.map(ownSeries));
  const reached = new Map(SERVICES.map((service) => [service, filesOf(`services/${service}/main.ts`)]));
  const others = globSync("{shared,services}/**/*.ts", { cwd: repository })
    .filter((path) => !/node_modules|\.test\.ts$|^services\/[a-z]+\/metrics\.ts$/.test(path))
    .toSorted()
    .flatMap((path) => seriesIn(path, reached));
  return [...own.flat(), ...others, buildInfo()];
}

/** Each registry has it from the start. */
function buildInfo(): Series {
  const metrics = createRegistry("any").getMetricsAsArray() as unknown as (Series & { labelNames: string[] })[];
  const { name, type, help, labelNames } = metrics.find((one) => one.name === "build_info")!;
  return { name, type, help, labels: labelNames, services: SERVICES, owner: undefined };
}

/** As the service registers it. */
async function ownSeries(service: string): Promise<Series[]> {
  const path = join(repository, "services", service, "metrics.ts");
  const module = (await import(path).catch(() => ({}))) as { createMetrics?: (registry: Registry) => unknown };
  if (!module.createMetrics) return [];
  const [registry, defaults] = [createRegistry(service), createRegistry(service)];
  module.createMetrics(registry);
  const standard = new Set(defaults.getMetricsAsArray().map(({ name }) => name));
  const metrics = registry.getMetricsAsArray() as unknown as (Omit<Series, "labels"> & { labelNames: string[] })[];
  return metrics
    .filter(({ name }) => !standard.has(name))
    .map(({ name, type, help, labelNames }) => {
      return { name, type, help, labels: labelNames, services: [service], owner: service };
    });
}

const CALL =
  /\b(counter|gauge|histogram|counts|tally)\(\s*"([a-z_]+)",\s*"((?:[^"\\]|\\.)*)",?\s*(\[[^\]]*\]|(?:"[a-z_]+",?\s*)*)/g;
const TYPES: Record<string, string> = { counts: "counter", tally: "counter" };
/** Its file has the series of each table of rows, and every service imports it. */
const ROWS = { documents: "shared/dispatch/open-documents.ts" };

/** Code registers its series when it is made, so they are read from the source. */
function seriesIn(path: string, reached: ReadonlyMap<string, ReadonlySet<string>>): Series[] {
  return Array.from(read(path).matchAll(CALL), ([, call, name, help, labels]) => {
    const source = name!.startsWith("documents_") ? ROWS.documents : path;
    return {
      name: name!,
      type: TYPES[call!] ?? call!,
      help: help!.replaceAll('\\"', '"'),
      labels: Array.from(labels!.matchAll(/"([a-z_]+)"/g), ([, label]) => label!),
      services: SERVICES.filter((service) => reached.get(service)!.has(source)),
      owner: /^services\/([a-z]+)\//.exec(path)?.[1],
    };
  });
}

/** The files that a service loads. */
function filesOf(entry: string, found = new Set<string>()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const [, specifier] of read(entry).matchAll(/^(?:import|export) (?!type )[^;]*?from "([^"]+\.ts)"/gm))
    filesOf(resolved(entry, specifier!), found);
  return found;
}

function resolved(from: string, specifier: string): string {
  if (specifier.startsWith("@saasaparilla/")) return specifier.slice("@saasaparilla/".length);
  if (specifier.startsWith("#")) {
    const root = from.startsWith("shared/") ? "shared" : from.split("/").slice(0, 2).join("/");
    return join(root, specifier.slice(1));
  }
  return normalize(join(dirname(from), specifier));
}
