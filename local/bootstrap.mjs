// The first program on a fresh machine, on any Node: plain JavaScript, no dependencies. It installs the packages, with
// the pinned Node, and starts just: node bootstrap.mjs start|test|packages [ARGS].
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const modules = join(root, "node_modules");
const stamp = join(modules, ".installed");
const [recipe = "start", ...args] = process.argv.slice(2);

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20)
  fail(
    `This is Node ${process.versions.node}; version 20 or later is needed. Install it from https://nodejs.org, and start again.`,
  );

installPackages();
if (recipe !== "packages") handOver();

function installPackages() {
  const wanted = hash(["pnpm-lock.yaml", "pnpm-workspace.yaml"]);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const since = performance.now();
  process.stderr.write("… installing packages\n");
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const logs = join(root, ".local/logs");
  mkdirSync(join(root, ".local"), { recursive: true, mode: 0o711 });
  mkdirSync(logs, { recursive: true, mode: 0o700 });
  const path = join(logs, "pnpm.log");
  const log = openSync(path, "w");
  const { status, error } = spawnSync("npx", ["-y", packageManager, "install", "--frozen-lockfile"], {
    cwd: root,
    stdio: ["ignore", log, log],
    // Without a terminal to ask at, pnpm refuses to replace packages of another pnpm.
    env: { ...process.env, CI: "true" },
  });
  closeSync(log);
  if (status !== 0) {
    const tail = readFileSync(path, "utf8").trimEnd().split("\n").slice(-12).join("\n  ");
    fail(
      `The packages could not be installed${error ? ` (${error.message})` : ""}: is there a network? The log, ${path}, ends with:\n  ${tail}`,
    );
  }
  writeFileSync(stamp, wanted);
  process.stderr.write(`✓ ${"packages".padEnd(44)} ${((performance.now() - since) / 1000).toFixed(1).padStart(5)} s\n`);
}

function handOver() {
  const pinned = join(modules, `node-${process.platform}-${process.arch}`, "bin");
  if (!existsSync(pinned) && (major < 22 || (major === 22 && minor < 18))) {
    fail(
      `There is no pinned Node for ${process.platform}-${process.arch}, and this one is ${process.versions.node}. Install Node 22.18 or later, and start again.`,
    );
  }
  const path = [...(existsSync(pinned) ? [pinned] : []), join(modules, ".bin"), process.env.PATH].join(delimiter);
  const child = spawn(join(modules, ".bin/just"), [recipe, ...args], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  // Ctrl-C reaches the whole group. This process waits for the child's reaction.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
  child.once("error", (error) =>
    fail(`just could not be started: ${error.message}. Delete node_modules, and start again.`),
  );
  child.once("exit", (code, signal) => (process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)));
}

function hash(files) {
  const all = createHash("sha256");
  for (const file of files) all.update(readFileSync(join(root, file)));
  return all.digest("hex");
}

function fail(message) {
  process.stderr.write(`\n✗ ${message}\n`);
  process.exit(1);
}
