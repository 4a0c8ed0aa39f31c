import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseOptions } from "#local/process/parse-options.ts";
import { parse } from "yaml";
import { ROLE_NAMES, uses } from "@saasaparilla/shared/store-grants/grants.ts";
import { redisLine } from "@saasaparilla/shared/store-grants/redis.ts";
import { images } from "#tools/image/third-party-images.ts";
import { readme, schema } from "./document.ts";
import { breaches } from "./policy.ts";
import { REFUSALS } from "./refusals.ts";
import { chart, native, objectsOf, rendered, repository, VALUES, valuesOf } from "./render.ts";
import { unknownSeries } from "./series.ts";
import { kubernetesTools, run, validator } from "./tools.ts";

/** Checks the chart without a cluster. `--write` regenerates the files that follow from others. */
const { write } = parseOptions("npx just chart-check [--write]", { options: { write: { type: "boolean" } } }).values;
const KUBERNETES = ["1.30", "1.34"];

const { helm } = kubernetesTools();
const scratch = mkdtempSync(join(tmpdir(), "chart-"));
const said: string[] = [];

/** Checks the file, or with `--write` corrects it. */
function same(path: string, wanted: string): void {
  const present = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (present === wanted) return;
  const name = path.slice(repository.length + 1);
  if (write) {
    writeFileSync(path, wanted);
    process.stdout.write(`written: ${name}\n`);
  } else {
    const [line] = firstOther(present, wanted);
    said.push(
      `${name} differs from line ${line} on. To see the difference: npx just chart-check --write, and git diff`,
    );
  }
}

function firstOther(present: string, wanted: string): [line: number] {
  const lines = present.split("\n");
  return [wanted.split("\n").findIndex((line, index) => line !== lines[index]) + 1];
}

/** The error text on failure; undefined on success. */
function failure(args: string[], input?: string): string | undefined {
  try {
    run(helm, args, input === undefined ? {} : { input });
    return undefined;
  } catch (error) {
    return `${(error as { stderr?: string }).stderr}${(error as { stdout?: string }).stdout}`;
  }
}

function validate(name: string, text: string): void {
  const folder = validator();
  const path = join(scratch, `${name}.yaml`);
  writeFileSync(path, native(text));
  for (const version of KUBERNETES)
    try {
      run("python3", ["-m", "kubernetes_validate", "-k", version, "--strict", path], {
        env: { ...process.env, PYTHONPATH: folder },
      });
    } catch (error) {
      said.push(
        `${name}, Kubernetes ${version}: ${(error as { stdout?: string; stderr?: string }).stdout}${(error as { stderr?: string }).stderr}`,
      );
    }
}

same(join(chart, "values.schema.json"), schema(readFileSync(join(chart, "values.schema.json"), "utf8")));
// One set of alerts for every kind of installation; a chart holds only files of its folder.
same(join(chart, "files/alerts.yaml"), readFileSync(join(repository, "compose/observe/alerts.yaml"), "utf8"));
// The users of the bundled Redis come from the one table of grants.
const redisUsers = ROLE_NAMES.filter((role) => uses(role, "redis")).map((role) =>
  redisLine("NAMESPACE", role, `PASSWORD-${role}`),
);
same(join(chart, "files/redis-users.conf"), `${redisUsers.join("\n")}\n`);
same(join(chart, "README.md"), readme(readFileSync(join(chart, "README.md"), "utf8")));
mkdirSync(join(import.meta.dirname, "golden"), { recursive: true });
for (const name of VALUES) {
  const lint = failure(["lint", "--strict", "--quiet", chart, "--values", valuesOf(name)]);
  if (lint !== undefined) {
    said.push(lint);
    continue;
  }
  const text = rendered(name);
  same(join(import.meta.dirname, "golden", `${name}.yaml`), text);
  validate(name, text);
  said.push(...breaches(objectsOf(text)).map((breach) => `${name}: ${breach}`));
}
for (const [values, words, release = "platform"] of REFUSALS) {
  const answer = failure(["template", release, chart, "--values", "-"], JSON.stringify(values));
  for (const word of words)
    if (!answer?.includes(word))
      said.push(`${JSON.stringify(values)} should be refused with "${word}": ${answer ?? "it was accepted"}`);
}
const named: Record<string, { bundled?: { image: string } }> = parse(readFileSync(join(chart, "values.yaml"), "utf8"));
for (const [store, image] of [
  ["kafka", images.kafka],
  ["postgres", images.postgres],
  ["redis", images.valkey],
] as const)
  if (named[store]?.bundled?.image !== image)
    said.push(`values.yaml: ${store} is not ${image}, which tools/image/third-party-images.ts names`);
said.push(...unknownSeries().map((name) => `files/: no service has the series ${name}`));
rmSync(scratch, { recursive: true });
for (const line of said) process.stderr.write(`${line}\n`);
if (said.length > 0) process.exit(1);
process.stdout.write(
  `The chart: ${VALUES.length} sets of values, ${REFUSALS.length} refusals, Kubernetes ${KUBERNETES.join(" and ")}\n`,
);
