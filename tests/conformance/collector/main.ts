import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makePaths } from "#local/process/paths.ts";
import { runTool } from "#local/process/run-tool.ts";
import { command, UserError } from "#local/process/user-error.ts";
import { backing } from "#local/stores/backing.ts";
import { downloaded } from "#local/stores/software.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { freePorts } from "#tests/faults/stores.ts";
import { startStack } from "#tests/support/stack.ts";

/** `just collector-test`: a real OpenTelemetry collector takes the spans of a stored notification. */
const DEADLINE_MS = 30_000;
const NAMES = ["publish", "settle"];
const here = import.meta.dirname;

const configOf = (port: number): string =>
  `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
exporters: { debug: { verbosity: detailed } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { traces: { receivers: [otlp], exporters: [debug] } }
`;

/** The names of a trace's spans, as the debug exporter prints them. */
function spansOf(printed: string, trace: string): string[] {
  const spans = printed.matchAll(/Trace ID\s*: (\w+)[\s\S]*?Name\s*: (\S+)/g);
  return Array.from(spans, ([, id, name]) => [id, name!] as const)
    .filter(([id]) => id === trace)
    .map(([, name]) => name)
    .toSorted();
}

await command(async () => {
  makePaths();
  Object.assign(process.env, await backing());
  const folder = await downloaded("otel-collector-0.165.0", "the OpenTelemetry collector", (target) =>
    runTool("go", ["build", "-C", here, "-o", join(target, "collector"), "."], {
      log: "collector",
      fix: "Is Go installed, and is there a network?",
    }),
  );
  const scratch = mkdtempSync(join(tmpdir(), "collector-"));
  const [port] = (await freePorts(1)) as [number];
  writeFileSync(join(scratch, "config.yaml"), configOf(port));
  const collector = spawn(join(folder, "collector"), ["--config", join(scratch, "config.yaml")]);
  let printed = "";
  for (const stream of [collector.stdout, collector.stderr])
    stream.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const stack = await startStack({
    services: ["receiver", "director"],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: "200" },
  });
  try {
    const trace = randomBytes(16).toString("hex");
    const publisher = await Publisher.of(stack);
    const traceparent = `00-${trace}-${randomBytes(8).toString("hex")}-01`;
    await publisher.publish([{ client: "away", json: "1" }], { traceparent });
    for (const until = performance.now() + DEADLINE_MS; spansOf(printed, trace).join() !== NAMES.join();) {
      if (performance.now() > until)
        throw new UserError(
          `The collector has the spans ${spansOf(printed, trace).join()} of the trace, not ${NAMES.join()}. It printed:\n${printed.slice(-3_000)}`,
          "Run npx just test tests/integration/observe/traces.test.ts: it says what the services send.",
        );
      await sleep(100);
    }
    process.stdout.write(`✓ the collector has the spans ${NAMES.join()} of one trace\n`);
  } finally {
    await stack.close();
    collector.kill();
    rmSync(scratch, { recursive: true });
  }
});
