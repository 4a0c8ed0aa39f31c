import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { problemsDocument } from "./problems-table.ts";

writeFileSync(join(import.meta.dirname, "../../docs/reference/problems.md"), problemsDocument());
