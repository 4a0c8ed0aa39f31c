import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "./places.ts";

/**
 * What runs in production, all that it stands on included: under which licence, and with --sbom as a bill of materials
 * (CycloneDX 1.6). Ends with 1 where one is under a licence that is not named here.
 */
const ALLOWED = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD"]);

interface Package {
  name: string;
  versions: string[];
  license: string;
}

const { values } = parseArgs({ options: { sbom: { type: "string" } } });
const manifest = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as Record<string, string>;
const args = ["-y", manifest.packageManager!, "licenses", "list", "--prod", "--json", "--recursive"];
const listed = JSON.parse(execFileSync("npx", args, { cwd: repository, encoding: "utf8" })) as Record<
  string,
  Package[]
>;
const packages = Object.values(listed)
  .flat()
  .flatMap(({ name, versions, license }) => versions.map((version) => ({ name, version, license })))
  .sort((one, other) => `${one.name}@${one.version}`.localeCompare(`${other.name}@${other.version}`));
const wrong = packages.filter(({ license }) => !ALLOWED.has(license));

if (values.sbom !== undefined) writeFileSync(values.sbom, `${JSON.stringify(bill(), null, 2)}\n`);
for (const { name, version, license } of wrong) console.error(`${name}@${version} is under ${license}`);
console.log(`${packages.length} packages, ${wrong.length} under a licence that is not allowed`);
process.exitCode = wrong.length > 0 || packages.length === 0 ? 1 : 0;

function bill(): object {
  const { name, version } = manifest;
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: { timestamp: new Date().toISOString(), component: { type: "application", name, version } },
    components: packages.map((one) => {
      const purl = `pkg:npm/${one.name.replace("@", "%40")}@${one.version}`;
      const licenses = [{ license: { id: one.license } }];
      return { type: "library", "bom-ref": purl, name: one.name, version: one.version, purl, licenses };
    }),
  };
}
