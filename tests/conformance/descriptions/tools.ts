import { join } from "node:path";
import { java } from "#local/stores/java.ts";
import { runTool } from "#local/process/run-tool.ts";
import { downloaded } from "#local/stores/software.ts";

/** Not in package.json: they bring some 300 packages for one recipe. */
const NODE_TOOLS = ["@redocly/cli@2.77.0", "@stoplight/spectral-cli@6.16.3", "openapi-typescript@7.13.0"];
const GENERATOR = "7.25.0";

/** The path of one of them. */
export async function nodeTools(): Promise<(name: string) => string> {
  const folder = await downloaded("descriptions-tools-1", "Redocly, Spectral and openapi-typescript", (into) =>
    runTool("npm", ["install", "--prefix", into, "--ignore-scripts", "--no-audit", "--no-fund", ...NODE_TOOLS], {
      log: "descriptions-npm",
      fix: "They could not be fetched: is there a network?",
    }),
  );
  return (name) => join(folder, "node_modules/.bin", name);
}

export async function generator(): Promise<string> {
  const { home } = await java();
  const artifact = `org.openapitools:openapi-generator-cli:${GENERATOR}`;
  const folder = await downloaded(`openapi-generator-${GENERATOR}`, "openapi-generator (32 MB)", (into) =>
    runTool("mvn", ["-B", "-q", "dependency:copy", `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`], {
      log: "descriptions-maven",
      fix: "It could not be fetched: is there a network, and Maven (Debian: apt-get install maven)?",
      ...(home !== undefined && { env: { ...process.env, JAVA_HOME: home } }),
    }),
  );
  return join(folder, `openapi-generator-cli-${GENERATOR}.jar`);
}
