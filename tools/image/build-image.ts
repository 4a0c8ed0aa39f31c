import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { dockerClient } from "./docker.ts";
import { repository } from "#local/process/paths.ts";
import { ask } from "#local/process/run-tool.ts";
import { command } from "#local/process/user-error.ts";

/**
 * The image of all services, tagged with the version of package.json. Arguments go to `docker build`. To push it,
 * give the image its registry name there.
 */
await command(async () => {
  const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as { version: string };
  const git = async (...args: string[]): Promise<string> =>
    (await ask("git", ["-C", repository, ...args]))?.trim() || "unknown";
  const labels = {
    VERSION: version,
    REVISION: await git("rev-parse", "HEAD"),
    CREATED: await git("log", "-1", "--format=%cI"),
  };
  // The image must not hold this machine's access to the npm registry.
  const { NODE_EXTRA_CA_CERTS: authorities, NPM_CONFIG_USERCONFIG: npmrc } = process.env;
  const more = process.argv.slice(2);
  const args = [
    "build",
    ...Object.entries(labels).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
    ...(authorities ? ["--secret", `id=authorities,src=${authorities}`] : []),
    ...(npmrc ? ["--secret", `id=npmrc,src=${npmrc}`] : []),
    ...(more.includes("--push") ? [] : ["--tag", `saasaparilla/notifications:${version}`]),
    ...more,
    repository,
  ];
  const env = { ...process.env, DOCKER_BUILDKIT: "1" };
  const [code] = (await once(spawn(await dockerClient(), args, { stdio: "inherit", env }), "exit")) as [number | null];
  process.exitCode = code ?? 1;
});
