import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";

/** Builds the web application into dist, unless dist was built from the same files. */
const folder = import.meta.dirname;
const stamp = join(folder, "dist/built-from");
const from = hashOf([
  ...globSync(["**/*.{ts,tsx,css,html,svg,json}"], {
    cwd: folder,
    exclude: (path) => path.startsWith("dist") || path.includes("node_modules"),
  }),
]);

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== from) {
  // A test that builds has another one, and would get the libraries for development.
  // oxlint-disable-next-line node/no-process-env
  process.env.NODE_ENV = "production";
  await build({ configFile: join(folder, "vite.config.ts"), logLevel: "info", mode: "production" });
  writeFileSync(stamp, from);
}

function hashOf(paths: string[]): string {
  const hash = createHash("sha256");
  for (const path of paths.sort()) hash.update(`${path}\n`).update(readFileSync(join(folder, path)));
  return hash.digest("hex");
}
