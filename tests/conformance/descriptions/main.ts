import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { backing } from "#local/stores/backing.ts";
import { java } from "#local/stores/java.ts";
import { local, makePaths } from "#local/process/paths.ts";
import { runTool } from "#local/process/run-tool.ts";
import { startStack, type Kind } from "#tests/support/stack.ts";
import { generator, nodeTools } from "./tools.ts";

/**
 * Checks the served documents of all services with linters and client generators. Generated code is compiled. Exits
 * with 1 if one finds an error. [KIND...]
 */
const KINDS: Kind[] = ["receiver", "distributor", "director", "console", "courier", "dispatcher", "recorder"];
const RULES = join(import.meta.dirname, "spectral.yaml");
const REDOCLY = join(import.meta.dirname, "redocly.yaml");
const FIX = "Correct the description where it is made: services/*/openapi.ts, shared/http/openapi/document.ts.";

const asked = process.argv.slice(2);
const kinds = asked.length > 0 ? KINDS.filter((kind) => asked.includes(kind)) : KINDS;
const folder = join(local, "descriptions");
const failures: string[] = [];

async function tried(name: string, file: string, args: string[], env?: NodeJS.ProcessEnv): Promise<boolean> {
  try {
    await runTool(file, args, {
      log: `descriptions-${name}`,
      fix: FIX,
      ...(env && { env: { ...process.env, ...env } }),
    });
    process.stdout.write(`✓ ${name}\n`);
    return true;
  } catch (error) {
    process.stdout.write(`✗ ${name}: ${String(error)}\n${(error as { fix?: string }).fix ?? ""}\n`);
    failures.push(name);
    return false;
  }
}

async function fetched(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const stack = await startStack({ services: KINDS });
  try {
    for (const { kind, url } of stack.services) {
      const paths = kind === "distributor" ? ["openapi", "asyncapi"] : ["openapi"];
      for (const path of paths) {
        const file = join(folder, `${kind}-${path}.json`);
        writeFileSync(file, JSON.stringify(await (await fetch(`${url}/${path}.json`)).json(), null, 2));
        files.set(path === "openapi" ? kind : path, file);
      }
    }
  } finally {
    await stack.close();
  }
  return files;
}

const ts = (of: string): string[] =>
  readdirSync(of, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(of, name));

makePaths();
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const [tools, jar, runtime] = await Promise.all([
  nodeTools(),
  generator(),
  java(),
  backing().then((urls) => Object.assign(process.env, urls)),
]);
const documents = await fetched();
const TSC = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--lib", "es2022,dom"];
const MODULES = ["--ignoreConfig", "--module", "esnext", "--moduleResolution", "bundler"];

for (const [name, file] of documents) {
  if (name !== "asyncapi" && !kinds.includes(name as Kind)) continue;
  await tried(`redocly-${name}`, tools("redocly"), ["lint", "--config", REDOCLY, file]);
  await tried(`spectral-${name}`, tools("spectral"), ["lint", "--fail-severity", "warn", "--ruleset", RULES, file]);
  if (name === "asyncapi") continue;
  const types = join(folder, `${name}.d.ts`);
  await tried(`openapi-typescript-${name}`, tools("openapi-typescript"), [file, "--output", types]);
  for (const language of ["typescript-fetch", "python", "go"]) {
    const output = join(folder, `${name}-${language}`);
    const args = ["-jar", jar, "generate", "--strict-spec", "true", "-i", file, "-g", language, "-o", output];
    const go = ["--git-host", "client.test", "--git-user-id", "saasaparilla", "--git-repo-id", name];
    if (!(await tried(`generate-${language}-${name}`, runtime.file, [...args, ...go]))) continue;
    const compile = `compile-${language}-${name}`;
    if (language === "go") {
      // The generated tests require a package of their own.
      rmSync(join(output, "test"), { recursive: true, force: true });
      await tried(compile, "go", ["-C", output, "build", "./..."]);
    } else if (language === "python") {
      await tried(compile, "python3", ["-m", "compileall", "-q", join(output, "openapi_client")]);
    } else await tried(compile, "tsc", [...TSC, ...MODULES, ...ts(output)]);
  }
}
if (failures.length > 0) process.stdout.write(`\n${failures.length} failed: ${failures.join(", ")}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
