import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { metricsDocument } from "./metrics-table.ts";

writeFileSync(join(repository, "docs/reference/metrics.md"), await metricsDocument());
