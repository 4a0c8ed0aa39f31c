import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ask } from "#local/process/run-tool.ts";

/**
 * The client on the path that can build with BuildKit: it has buildx, or is too old to need it. If no client
 * can, the first one.
 */
export async function dockerClient(): Promise<string> {
  const found = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "docker"));
  const there = found.filter((file) => existsSync(file));
  for (const file of there) {
    const major = Number(/version (\d+)/.exec((await ask(file, ["--version"])) ?? "")?.[1]);
    if (major < 23 || (await ask(file, ["buildx", "version"])) !== undefined) return file;
  }
  return there[0] ?? "docker";
}
