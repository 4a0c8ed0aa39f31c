import { afterEach } from "vitest";
import { lastLogs } from "./service-process.ts";

/** The setup file of the project "stack". */
afterEach(({ task }) => {
  const logs = task.result?.state === "fail" ? lastLogs() : "";
  if (logs !== "") console.error(`The services' last log lines, after "${task.name}" failed:\n${logs}`);
});
