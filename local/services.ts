import { createHash, randomBytes } from "node:crypto";
import { globSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BackingUrls } from "#local/stores/backing.ts";
import { asRole, roleOf } from "@saasaparilla/shared/store-grants/grants.ts";
import { audience, issuer, jwksFile, secretsKey } from "./keys.ts";
import { repository, secret } from "#local/process/paths.ts";
import { type PortName, port, rememberPort, wantPort } from "#local/process/ports.ts";
import { ending, running, start, stop } from "#local/process/processes.ts";
import { step } from "#local/process/progress.ts";
import { UserError, reasonOf } from "#local/process/user-error.ts";

export type Service = {
  name: string;
  kind: "receiver" | "director" | "distributor" | "console" | "courier" | "dispatcher" | "recorder";
  portName: PortName;
  port: number;
};

/** One of each service, and `distributors` distributors on ports a hundred apart. */
export function services(distributors: number): Service[] {
  return [
    { name: "receiver", kind: "receiver", portName: "RECEIVER_PORT", port: port("RECEIVER_PORT") },
    { name: "director", kind: "director", portName: "DIRECTOR_PORT", port: port("DIRECTOR_PORT") },
    { name: "console", kind: "console", portName: "CONSOLE_PORT", port: port("CONSOLE_PORT") },
    { name: "courier", kind: "courier", portName: "COURIER_PORT", port: port("COURIER_PORT") },
    { name: "dispatcher", kind: "dispatcher", portName: "DISPATCHER_PORT", port: port("DISPATCHER_PORT") },
    { name: "recorder", kind: "recorder", portName: "RECORDER_PORT", port: port("RECORDER_PORT") },
    ...Array.from({ length: distributors }, (_, i): Service => ({
      name: i === 0 ? "distributor" : `distributor-${i + 1}`,
      kind: "distributor",
      portName: "DISTRIBUTOR_PORT",
      port: port("DISTRIBUTOR_PORT") + 100 * i,
    })),
  ];
}

const LOCAL_ORIGINS = ["http", "https"]
  .flatMap((scheme) => ["localhost", "127.0.0.1", "[::1]"].map((host) => `${scheme}://${host}:*`))
  .join(",");

export const mainOf = (kind: Service["kind"] | "provision"): string => join(repository, "services", kind, "main.ts");

export const urlOf = (service: Pick<Service, "port">): string => `http://localhost:${service.port}`;

/** Settings of every service. Identity and names from the environment have priority. */
export function settings(urls: BackingUrls): Record<string, string> {
  return {
    NAMESPACE: process.env.NAMESPACE || "notifications",
    ...urls,
    HOST: "127.0.0.1",
    AUTH_JWKS: process.env.AUTH_JWKS || jwksFile,
    // An identity provider may run on this machine.
    AUTH_PRIVATE_NETWORKS: process.env.AUTH_PRIVATE_NETWORKS || "127.0.0.0/8,::1",
    // The developer may act for these tenants. To add another one: npx just tenant add NAME
    TENANTS: process.env.TENANTS || "local,acme",
    AUTH_ISSUER: issuer,
    AUTH_AUDIENCE: process.env.AUTH_AUDIENCE || audience,
    // The developer's own page, on any port.
    ALLOWED_ORIGINS: process.env.ALLOWED_ORIGINS ?? LOCAL_ORIGINS,
    KEY_ENVIRONMENT: process.env.KEY_ENVIRONMENT || "test",
    SECRETS_KEY: process.env.SECRETS_KEY || secretsKey(),
    // Every tenant of the developer has an inbox.
    INBOX_EVENTS: process.env.INBOX_EVENTS ?? "*",
    // The whole way of each of the developer's notifications is recorded.
    TIMELINE_FOLLOW: process.env.TIMELINE_FOLLOW || "all",
    LOG_LEVEL: process.env.LOG_LEVEL || "info",
    // Traces go to the developer's collector. They are named here, so that a change restarts the services.
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_"))),
    // A local stop does not wait until clients have left.
    SHUTDOWN_MS: process.env.SHUTDOWN_MS || "5000",
  };
}

const KINDS = [
  "receiver",
  "director",
  "distributor",
  "console",
  "courier",
  "dispatcher",
  "recorder",
] as const satisfies Service["kind"][];
const passwordOf = (kind: Service["kind"]): string =>
  secret(`${kind}.password`, () => randomBytes(18).toString("base64url"));

/**
 * Whether the stores run here. Stores named in the environment are used with its credentials: they may have no roles
 * for our services.
 */
const own = (): boolean => !process.env.DATABASE_URL && !process.env.REDIS_URL;

/** The roles' passwords for provision, which creates a role for each service in the stores that run here. */
export const passwords = (): Record<string, string> =>
  own() ? Object.fromEntries(KINDS.map((kind) => [`${kind.toUpperCase()}_PASSWORD`, passwordOf(kind)])) : {};

/** The same settings, with the service's own role in the stores that run here. */
function asItself(kind: Service["kind"], told: Record<string, string>): Record<string, string> {
  if (!own()) return told;
  const as = (address: string): string => asRole(address, roleOf(told.NAMESPACE!, kind), passwordOf(kind));
  return { ...told, DATABASE_URL: as(told.DATABASE_URL!), REDIS_URL: as(told.REDIS_URL!) };
}

/** The environment of this service. */
export const environment = (service: Service, told: Record<string, string>): Record<string, string> => ({
  ...asItself(service.kind, told),
  PORT: String(service.port),
  ...(service.kind === "console" && {
    METRICS_URLS: process.env.METRICS_URLS || metricsUrls(),
    ...Object.fromEntries(
      services(1).map(({ kind, port: at }) => [`${kind.toUpperCase()}_URL`, `http://127.0.0.1:${at}`]),
    ),
  }),
  // A browser that opens the receiver's address finds the console.
  ...(service.kind === "receiver" && { CONSOLE_URL: `http://localhost:${port("CONSOLE_PORT")}` }),
});

/** The console shows the figures of all services. */
const metricsUrls = (): string =>
  services(Number(process.env.DISTRIBUTORS || 1))
    .map(({ port: at }) => `http://127.0.0.1:${at}`)
    .join(",");

/** Starts it under its supervisor. It replaces a service with other settings or older code. */
export async function ensure(service: Service, told: Record<string, string>): Promise<void> {
  const env = environment(service, told);
  const setup = createHash("sha256")
    .update(JSON.stringify([env, process.execPath, code()]))
    .digest("hex");
  await step(`${service.name} on port ${service.port}`, async () => {
    if (running(service.name)?.setup !== setup) {
      await end(service.name);
      await free(service);
      const supervisor = join(import.meta.dirname, "supervisor.ts");
      const args = [supervisor, service.name, mainOf(service.kind)];
      await start(
        service.name,
        { file: process.execPath, args, env: { ...process.env, ...env }, cwd: repository },
        setup,
      );
      if (!service.name.includes("-")) rememberPort(service.portName, service.port);
    }
    await ready(service);
  });
}

/** Fails if another program has its port. A child of a dead supervisor does not count. */
export async function free(service: Service): Promise<void> {
  if (running(childOf(service.name)) === undefined)
    await wantPort(service.portName, service.port, `the ${service.kind}`);
}

/** Stops the supervisor first. Then stops its child, which stays if the supervisor has died before. */
export async function end(name: string): Promise<void> {
  await stop(name);
  await stop(childOf(name));
}

export const childOf = (name: string): string => `${name}.child`;

let seen: string | undefined;

/** A hash of all source files of the services, so that `just up` after an edit runs the edited code. */
function code(): string {
  seen ??= globSync("{services,shared}/**/*.{ts,json}", {
    cwd: repository,
    // Of the console's pages, only what is built counts: it names each file by its content.
    exclude: (path) => /node_modules|console\/web\/(?!dist$|dist\/first-load\.json$)/.test(path),
  })
    .filter((path) => !path.endsWith(".test.ts"))
    .sort()
    .map((path) => `${path} ${statSync(join(repository, path)).mtimeMs}`)
    .join("\n");
  return seen;
}

const PATIENCE = 60_000;

async function ready(service: Service): Promise<void> {
  const lives = new Set<number>();
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const missing = await whatIsMissing(service);
    if (missing === undefined) return;
    const child = running(childOf(service.name));
    if (child !== undefined) lives.add(child.pid);
    // It has ended twice, so it would end again.
    if (lives.size > 2) throw new UserError(`${service.name} exits each time it starts.`, whatItSaid(service.name));
    if (Date.now() > deadline)
      throw new UserError(`${service.name} is not ready: ${missing}.`, whatItSaid(service.name));
    await sleep(50);
  }
}

const whatItSaid = (name: string): string =>
  `Correct it, and run: npx just up\n${ending(name, running(name)?.logFrom)}`;

async function whatIsMissing(service: Service): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${service.port}/health/ready`, {
      signal: AbortSignal.timeout(2000),
    });
    const said = await response.text();
    return response.ok ? undefined : said;
  } catch (error) {
    return reasonOf(error);
  }
}
