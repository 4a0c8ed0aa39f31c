import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseOptions } from "#local/process/parse-options.ts";
import { billOf, type Package } from "./bill.ts";
import { NATIVE_CONTENTS } from "./native-contents.ts";
import { differences, hashesOf, nativeFilesIn, type Hashes } from "./native-files.ts";
import { repository } from "#local/process/paths.ts";

/**
 * Checks the licences and native files of production packages. With --sbom it writes a bill of materials (CycloneDX
 * 1.6). With --write it accepts the installed native files. Ends with 1 at a licence that is not named here, and at a
 * native file that was not accepted.
 */
const ALLOWED = new Set([
  "MIT",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "BlueOak-1.0.0",
  "Unlicense",
]);
/** The first half of BoringSSL's licence. The socket library contains BoringSSL, and no package has this licence. */
const ALLOWED_INSIDE = new Set([...ALLOWED, "OpenSSL"]);

interface Listed {
  name: string;
  versions: string[];
  paths: string[];
  license: string;
}

const { values } = parseOptions("npx just licences [--sbom FILE] [--write]", {
  options: { sbom: { type: "string" }, write: { type: "boolean", default: false } },
});
const { packageManager } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as Record<string, string>;
const accepted = join(import.meta.dirname, "native-files.json");

const shipped = listed("--no-optional");
const inImage = new Set(shipped.map(({ key }) => key));
const packages: Package[] = listed().map((one) => ({ ...one, inImage: inImage.has(one.key) }));
const native = shipped.flatMap(({ key, path }) => nativeFilesIn(key, path));
const found = hashesOf(native);
if (values.write) writeFileSync(accepted, `${JSON.stringify(found, null, 2)}\n`);

const wrong = packages
  .filter(({ license }) => !ALLOWED.has(license))
  .map(({ name, version, license }) => `${name}@${version} is under ${license}`);
const changed = differences(JSON.parse(readFileSync(accepted, "utf8")) as Hashes, found);
const owners = Object.keys(found);
const unknown = owners.filter((owner) => NATIVE_CONTENTS[owner] === undefined);
for (const owner of owners)
  for (const { name, licenses } of NATIVE_CONTENTS[owner] ?? []) {
    const [licence] = licenses;
    const names = "expression" in licence ? licence.expression.split(" AND ") : [licence.license.id];
    for (const id of names) if (!ALLOWED_INSIDE.has(id)) wrong.push(`${name}, inside of ${owner}, is under ${id}`);
  }

if (values.sbom !== undefined) writeFileSync(values.sbom, `${JSON.stringify(billOf(packages, native), null, 2)}\n`);
for (const line of [...wrong, ...changed]) console.error(line);
if (changed.length > 0)
  console.error("Find out why (docs/guides/security.md, Native files). Then accept it with: npx just licences --write");
for (const owner of unknown) console.error(`${owner} has native files: name their contents in native-contents.ts`);
console.log(
  `${packages.length} packages, ${wrong.length} under a licence that is not allowed; ` +
    `${native.length} native files, ${changed.length} not accepted`,
);
process.exitCode = wrong.length + changed.length + unknown.length > 0 || packages.length === 0 ? 1 : 0;

function listed(...options: string[]): (Omit<Package, "inImage"> & { key: string; path: string })[] {
  const args = ["-y", packageManager!, "licenses", "list", "--prod", ...options, "--json", "--recursive"];
  const text = execFileSync("npx", args, { cwd: repository, encoding: "utf8" });
  return Object.values(JSON.parse(text) as Record<string, Listed[]>)
    .flat()
    .flatMap(({ name, versions, paths, license }) =>
      versions.map((version, i) => ({ key: `${name}@${version}`, name, version, license, path: paths[i]! })),
    )
    .sort((one, other) => one.key.localeCompare(other.key));
}
