import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { local, makePaths } from "#local/process/paths.ts";
import { ask, runTool } from "#local/process/run-tool.ts";
import { downloaded } from "#local/stores/software.ts";

/**
 * Every case of Autobahn's suite for servers, against the distributor's server. It omits compression, which is not
 * offered. The suite needs Python 2.7. Exits with 1 if a case fails.
 */
const SUITE = "autobahntestsuite==25.10.1";
/** The server may also behave in a tolerated, not preferred, way, and in ways that the suite only reports. */
const PASSED = new Set(["OK", "NON-STRICT", "INFORMATIONAL"]);

interface Case {
  behavior: string;
  behaviorClose: string;
}

async function python(): Promise<string> {
  const candidates = ["python2.7", join(homedir(), ".pyenv/versions/2.7.18/bin/python")];
  for (const file of candidates) if ((await ask(file, ["-m", "pip", "--version"])) !== undefined) return file;
  throw new Error("There is no Python 2.7 with pip. Install one, as by: pyenv install 2.7.18");
}

async function suite(file: string): Promise<string> {
  return downloaded(SUITE.replace("==", "-"), "Autobahn's suite (60 MB)", async (folder) => {
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, SUITE];
    await runTool(file, args, { log: "autobahn", fix: `${SUITE} could not be fetched: is there a network?` });
    // Without it Python 2 does not find the packages in there.
    const marker = join(folder, "zope/__init__.py");
    if (!existsSync(marker)) writeFileSync(marker, "");
  });
}

makePaths();
const file = await python();
const folder = await suite(file);
const echo = spawn(process.execPath, [join(import.meta.dirname, "echo.ts")], { stdio: ["ignore", "pipe", "inherit"] });
const results = join(local, "autobahn");
rmSync(results, { recursive: true, force: true });
try {
  const [port] = (await once(createInterface(echo.stdout), "line")) as [string];
  const specification = join(local, "autobahn.json");
  const servers = [{ agent: "distributor", url: `ws://127.0.0.1:${port}` }];
  const cases = { cases: ["*"], "exclude-cases": ["12.*", "13.*"], "exclude-agent-cases": {} };
  writeFileSync(specification, JSON.stringify({ outdir: results, servers, ...cases }));
  const args = [join(folder, "bin/wstest"), "-m", "fuzzingclient", "-s", specification];
  await runTool(file, args, {
    log: "autobahn",
    fix: "The suite did not come to its end.",
    env: { ...process.env, PYTHONPATH: folder },
  });
} finally {
  echo.kill();
}
const index = JSON.parse(readFileSync(join(results, "index.json"), "utf8")) as { distributor: Record<string, Case> };
const all = Object.entries(index.distributor);
const failed = all.filter(([, { behavior, behaviorClose }]) => !PASSED.has(behavior) || !PASSED.has(behaviorClose));
const count = (kind: string): number => all.filter(([, { behavior }]) => behavior === kind).length;
console.log(
  `${all.length} cases: ${[...PASSED].map((kind) => `${count(kind)} ${kind}`).join(", ")}, ${failed.length} not passed`,
);
for (const [name, { behavior, behaviorClose }] of failed) console.error(`${name}: ${behavior}, ${behaviorClose}`);
process.exitCode = failed.length > 0 || all.length < 300 ? 1 : 0;
