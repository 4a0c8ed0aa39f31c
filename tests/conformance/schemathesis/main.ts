import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { backing } from "#local/stores/backing.ts";
import { local, makePaths } from "#local/process/paths.ts";
import { runTool } from "#local/process/run-tool.ts";
import { downloaded } from "#local/stores/software.ts";
import { startStack, type Kind } from "#tests/support/stack.ts";

/**
 * Sends valid and invalid requests made from /openapi.json, with and without a token: no answer is a 5xx, and each
 * matches the document. Exits with 1 otherwise. [--max-examples N and other options of schemathesis]
 */
const TOOL = "schemathesis==4.32.5";
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "unsupported_method",
];
const SERVICES: Kind[] = ["receiver", "console"];

async function tool(): Promise<string> {
  const folder = await downloaded(TOOL.replace("==", "-"), "schemathesis (40 MB)", async (into) => {
    const fix = `${TOOL} could not be fetched: is there a network, and python3 with venv?`;
    await runTool("python3", ["-m", "venv", into], { log: "schemathesis", fix });
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", TOOL];
    await runTool(join(into, "bin/python"), args, { log: "schemathesis", fix });
  });
  return join(folder, "bin/python");
}

makePaths();
const [file] = await Promise.all([tool(), backing().then((urls) => Object.assign(process.env, urls))]);
const NONE = "1000000000";
const open = { TENANT_PUBLISH_BURST: NONE, PUBLISHER_BURST: NONE };
const stack = await startStack({ services: SERVICES, env: open });
let failed = 0;
try {
  for (const { kind, url } of stack.services) {
    const bearer = kind === "receiver" ? { publisher: "p" } : { publisher: "p", scope: "operate read" };
    const authorization = `Authorization: Bearer ${await stack.token(bearer)}`;
    const given = process.argv.slice(2);
    const limits = given.some((arg) => arg.startsWith("--max-examples")) ? [] : ["--max-examples", "100"];
    const more = [
      "--header",
      authorization,
      "--checks",
      CHECKS.join(","),
      "--suppress-health-check",
      "all",
      ...limits,
      ...given,
    ];
    const args = ["-m", "schemathesis.cli", "run", `${url}/openapi.json`, "--url", url, ...more];
    const env = {
      ...process.env,
      PYTHONPATH: import.meta.dirname,
      PYTHONDONTWRITEBYTECODE: "1",
      SCHEMATHESIS_HOOKS: "ndjson",
    };
    const child = spawn(file, args, { stdio: "inherit", cwd: local, env });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0) failed += 1;
  }
} finally {
  await stack.close();
}
process.exitCode = failed > 0 ? 1 : 0;
