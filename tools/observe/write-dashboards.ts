import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { DASHBOARDS } from "./dashboards.ts";
import { grafanaJson } from "./panels.ts";

/** Grafana reads them from here. */
for (const dashboard of DASHBOARDS)
  writeFileSync(
    join(repository, "compose/observe/grafana/dashboards", `${dashboard.uid}.json`),
    grafanaJson(dashboard),
  );
