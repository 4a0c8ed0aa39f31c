import { spawn } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { repository } from "#local/process/paths.ts";
import { UserError } from "#local/process/user-error.ts";
import { docker } from "#tests/deploy/engine.ts";

const PATIENCE_MS = 300_000;

/** compose/ as a new user has it, under its own name, network and ports: it runs beside any other stack. */
export class Project {
  readonly #name: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly url: string;

  private constructor(name: string, ports: readonly number[]) {
    const [http, console, prometheus] = ports.map(String);
    this.#name = name;
    this.url = `http://127.0.0.1:${http}`;
    this.#env = {
      ...process.env,
      COMPOSE_PROJECT_NAME: name,
      HTTP_PORT: http,
      CONSOLE_PORT: console,
      PROMETHEUS_PORT: prometheus,
      SUBNET: process.env.SUBNET ?? "10.213.81.0/24",
    };
  }

  static async create(): Promise<Project> {
    return new Project(`saasaparilla-journey-${process.pid}`, [await freePort(), await freePort(), await freePort()]);
  }

  get prometheus(): string {
    return `http://127.0.0.1:${this.#env.PROMETHEUS_PORT}`;
  }

  /** The output of `docker compose`, or the error output of a failed command. */
  compose(...args: string[]): Promise<string> {
    return run(["compose", ...args], this.#env);
  }

  token(...bearer: string[]): Promise<string> {
    return this.compose("run", "--rm", "token", ...bearer).then((token) => token.trim());
  }

  /** A container of the service. */
  async one(service: string): Promise<string> {
    return lines(await this.compose("ps", "--quiet", service))[0]!;
  }

  /** Like the kernel's kill of a process without memory: Docker treats it as a crash, unlike `docker kill`. */
  async crash(container: string): Promise<void> {
    const before = await restarts(container);
    const [image, pid] = [
      await inspect(await this.one("receiver"), "{{.Config.Image}}"),
      await inspect(container, "{{.State.Pid}}"),
    ];
    const confined = ["--pid", "host", "--user", "0", "--cap-drop", "ALL", "--cap-add", "KILL", "--network", "none"];
    await run(["run", "--rm", ...confined, "--entrypoint", "node", image, "-e", `process.kill(${pid}, "SIGKILL")`]);
    await until(`${container} is not started again`, async () => (await restarts(container)) > before);
  }

  /** SIGTERM: it must shut down itself, before Docker kills it. */
  async leaves(container: string): Promise<void> {
    await run(["stop", "--time", "60", container]);
    const code = await inspect(container, "{{.State.ExitCode}}");
    if (code !== "0") throw new UserError(`${container} was asked to end, and ended with ${code}.`, "");
  }

  async comes(container: string): Promise<void> {
    await run(["start", container]);
    await this.healthy(container);
  }

  async healthy(container: string): Promise<void> {
    const state = () => inspect(container, "{{.State.Health.Status}}");
    await until(`${container} is not healthy`, async () => (await state()) === "healthy");
  }

  /** Volumes without a name: `down` would leave them. */
  async nameless(): Promise<string[]> {
    const containers = lines(await this.compose("ps", "--all", "--quiet"));
    const mounted = await Promise.all(
      containers.map((one) => inspect(one, "{{range .Mounts}}{{$.Name}}:{{.Destination}} {{.Name}}\n{{end}}")),
    );
    return mounted.flatMap(lines).filter((line) => / [0-9a-f]{64}$/.test(line));
  }

  /** Its Docker resources: containers, volumes, networks. */
  async remains(): Promise<string[]> {
    const filter = ["--quiet", "--filter", `label=com.docker.compose.project=${this.#name}`];
    const listed = [
      ["ps", "--all"],
      ["volume", "ls"],
      ["network", "ls"],
    ].map((kind) => run([...kind, ...filter]));
    return (await Promise.all(listed)).flatMap(lines);
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
const inspect = async (container: string, format: string): Promise<string> =>
  (await run(["inspect", "--format", format, container])).trim();
const restarts = async (container: string): Promise<number> => Number(await inspect(container, "{{.RestartCount}}"));

async function run(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const child = spawn(docker, args, { cwd: join(repository, "compose"), env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return printed;
  throw new UserError(
    `docker ${args.join(" ")} ended with ${code}:`,
    `${printed}${said}`.trimEnd().split("\n").slice(-40).join("\n"),
  );
}

export async function until(wrong: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new UserError(`After ${PATIENCE_MS / 1_000} s ${wrong}.`, "");
    await sleep(100);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
