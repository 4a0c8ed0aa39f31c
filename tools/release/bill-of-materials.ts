import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { run } from "./run.ts";

/** CycloneDX of the production packages. A package with a licence that is not allowed ends the release. */
export function billOfMaterials(folder: string, version: string): string {
  const file = join(folder, `saasaparilla-notifications-${version}.cdx.json`);
  run(process.execPath, [join(repository, "tools/licences/check-licences.ts"), "--sbom", file], repository);
  const bill = JSON.parse(readFileSync(file, "utf8")) as { metadata: { component: { version: string } } };
  bill.metadata.component.version = version;
  writeFileSync(file, `${JSON.stringify(bill, null, 2)}\n`);
  return file;
}
