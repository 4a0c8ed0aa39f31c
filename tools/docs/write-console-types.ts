import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { services, urlOf } from "#local/services.ts";
import { runTool } from "#local/process/run-tool.ts";
import { command } from "#local/process/user-error.ts";
import { consoleTypes } from "./console-types.ts";

/** From the console of the local stack, which has its routes. */
await command(async () => {
  const { port } = services(1).find(({ kind }) => kind === "console")!;
  const response = await fetch(`${urlOf({ port })}/openapi.json`);
  const file = join(import.meta.dirname, "../../services/console/web/api/schemas.ts");
  writeFileSync(file, consoleTypes((await response.json()) as Parameters<typeof consoleTypes>[0]));
  await runTool("npx", ["oxfmt", file], { log: "oxfmt", fix: "The file could not be formatted." });
});
