import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { grantsDocument } from "./grants-table.ts";
import { repository } from "#local/process/paths.ts";

writeFileSync(join(repository, "docs/reference/grants.md"), grantsDocument());
