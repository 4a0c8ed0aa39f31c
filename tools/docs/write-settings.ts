import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { settingsDocument } from "./settings-table.ts";

writeFileSync(join(repository, "docs/reference/settings.md"), settingsDocument());
