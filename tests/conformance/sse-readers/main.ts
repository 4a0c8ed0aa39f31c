import { deepEqual } from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { backing } from "#local/stores/backing.ts";
import { makePaths } from "#local/process/paths.ts";
import { runTool } from "#local/process/run-tool.ts";
import { downloaded } from "#local/stores/software.ts";
import { command, UserError } from "#local/process/user-error.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack } from "#tests/support/stack.ts";

/**
 * `just sse-readers`: how Python, Go and Java libraries parse the stream. Each event must come once, and nothing else.
 */
const PYTHON = ["httpx==0.28.1", "httpx-sse==0.4.3", "sseclient-py==1.9.0", "requests==2.32.5"];
const STORED = 5;
const LIVE = 5;
const here = import.meta.dirname;

interface Reader {
  name: string;
  file: string;
  args: string[];
  env?: Record<string, string>;
}

async function readers(): Promise<Reader[]> {
  const fix = "Is it installed, and is there a network?";
  const python = await downloaded("sse-readers-python", "readers of Python", (folder) => {
    const args = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, ...PYTHON];
    return runTool("python3", args, { log: "sse-readers", fix });
  });
  const go = await downloaded("sse-readers-go", "a reader of Go", (folder) =>
    runTool("go", ["build", "-C", here, "-o", join(folder, "reader"), "."], { log: "sse-readers", fix }),
  );
  const java = await downloaded("sse-readers-java", "a reader of Java", async (folder) => {
    const pom = join(here, "pom.xml");
    const args = ["-B", "-q", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${folder}`];
    await runTool("mvn", args, { log: "sse-readers", fix });
    copyFileSync(join(here, "Reader.java"), join(folder, "Reader.java"));
    await runTool("javac", ["-cp", join(folder, "*"), "-d", folder, join(folder, "Reader.java")], {
      log: "sse-readers",
      fix,
    });
  });
  const env = { PYTHONPATH: python };
  return [
    { name: "httpx-sse", file: "python3", args: [join(here, "httpx_reader.py")], env },
    { name: "sseclient-py", file: "python3", args: [join(here, "sseclient_reader.py")], env },
    { name: "go-sse", file: join(go, "reader"), args: [] },
    { name: "okhttp-eventsource", file: "java", args: ["-cp", `${join(java, "*")}${delimiter}${java}`, "Reader"] },
  ];
}

await command(async () => {
  makePaths();
  Object.assign(process.env, await backing());
  const all = await readers();
  const stack = await startStack({
    services: ["receiver", "director", "distributor"],
    // A heartbeat before each of the live ones.
    env: { HEARTBEAT_MS: "1000", DRAIN_MS: "0" },
  });
  try {
    const publisher = await Publisher.of(stack);
    for (const reader of all) {
      await publisher.number(reader.name, STORED);
      const running = promisify(execFile)(reader.file, reader.args, {
        timeout: 60_000,
        env: {
          PATH: process.env.PATH,
          ...reader.env,
          URL: `${stack.services[2]!.url}/v1/sse`,
          TOKEN: await stack.token({ client: reader.name }),
          NOTIFICATIONS: String(STORED + LIVE),
        },
      });
      const live = (async () => {
        for (let count = 0; count < LIVE; count += 1) {
          await new Promise((done) => setTimeout(done, 1_500));
          await publisher.number(reader.name);
        }
      })();
      const [{ stdout }] = await Promise.all([running, live]);
      check(reader.name, stdout, publisher.accepted(reader.name));
    }
  } finally {
    await stack.close();
  }
});

function check(name: string, stdout: string, accepted: readonly string[]): void {
  const lines = stdout.trim().split("\n");
  const events = lines.map(
    (line) => JSON.parse(line) as { event: string; id: string; data: { type: string; id?: string; cursor?: string } },
  );
  const wrong = events.find(
    ({ event, data }) => event !== data.type || !["connected", "notification", "live"].includes(event),
  );
  if (wrong)
    throw new UserError(
      `${name} saw an event that is none: ${JSON.stringify(wrong)}`,
      "See services/distributor/transports/sse.ts.",
    );
  const notifications = events.filter(({ event }) => event === "notification");
  deepEqual(
    notifications.map(({ data }) => data.id),
    accepted,
  );
  deepEqual(
    notifications.map(({ id }) => id),
    notifications.map(({ data }) => data.cursor),
  );
  console.log(
    `${name}: ${events.length} events, ${notifications.length} of them notifications, each once and in order`,
  );
}
