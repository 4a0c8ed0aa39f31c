import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { step } from "#local/process/progress.ts";
import { runTool } from "#local/process/run-tool.ts";

/** Builds the console's pages, unless they are built from the same files. The platform runs without them. */
export const buildConsoleWeb = (): Promise<void> =>
  step("pages of the console", () =>
    runTool(process.execPath, [join(repository, "services/console/web/build.ts")], {
      log: "console-web",
      fix: "The pages of the console could not be built. Fix the error in its log, then run: npx just up",
    }),
  );
