import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { NATIVE_CONTENTS, type Content } from "./native-contents.ts";
import type { NativeFile } from "./native-files.ts";
import { repository } from "#local/process/paths.ts";

export interface Package {
  name: string;
  version: string;
  license: string;
  /** False if only the local stack has it. */
  inImage: boolean;
}

interface Component {
  type: "library" | "file" | "platform";
  "bom-ref"?: string;
  name: string;
  version?: string;
  scope?: "required" | "optional";
  hashes?: { alg: "SHA-256" | "SHA-512"; content: string }[];
  licenses?: Content["licenses"];
  cpe?: string;
  purl?: string;
  components?: (Component | Content)[];
  properties?: { name: string; value: string }[];
}

/** CycloneDX 1.6: packages with their contents, Node, and the system libraries that the image copies. */
export function billOf(packages: Package[], native: NativeFile[]): object {
  const { name, version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as Record<
    string,
    string
  >;
  const dockerfile = readFileSync(join(repository, "Dockerfile"), "utf8");
  const lockfile = readFileSync(join(repository, "pnpm-lock.yaml"), "utf8");
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${randomUUID()}`,
    version: 1,
    metadata: { timestamp: new Date().toISOString(), component: { type: "application", name, version } },
    components: [...packageComponents(packages, native, lockfile), ...imageComponents(dockerfile)],
  };
}

export function packageComponents(packages: Package[], native: NativeFile[], lockfile: string): Component[] {
  const { packages: locked } = parse(lockfile) as { packages: Record<string, { resolution: { integrity?: string } }> };
  return packages.map(({ name, version, license, inImage }) => {
    const key = `${name}@${version}`;
    const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
    const files = native.filter(({ owner }) => owner === key).map((file) => fileComponent(purl, file));
    // The hash that pnpm requires of the packed archive.
    const integrity = /^sha512-(.+)$/.exec(locked[key]?.resolution.integrity ?? "")?.[1];
    if (integrity === undefined) throw new Error(`The lockfile has no SHA-512 of ${key}.`);
    return {
      type: "library",
      "bom-ref": purl,
      name,
      version,
      scope: inImage ? "required" : "optional",
      hashes: [{ alg: "SHA-512", content: Buffer.from(integrity, "base64").toString("hex") }],
      licenses: [{ license: { id: license } }],
      purl,
      ...(files.length > 0 ? { components: files } : {}),
    };
  });
}

/** The files that the Dockerfile keeps: one for each architecture of a published image. */
export function keptInImage(owner: string, file: string): boolean {
  if (owner.startsWith("@uwsjs/linux-x64-22@")) return file === "uws.node";
  return owner.startsWith("uws-pack@") && file.endsWith(`/uws_linux_arm64_${process.versions.modules}.node`);
}

function fileComponent(purl: string, { owner, file, platform, arch, sha256 }: NativeFile): Component {
  const inImage = keptInImage(owner, file);
  return {
    type: "file",
    "bom-ref": `${purl}#${file}`,
    name: file,
    scope: inImage ? "required" : "optional",
    hashes: [{ alg: "SHA-256", content: sha256 }],
    components: NATIVE_CONTENTS[owner] ?? [],
    properties: [
      { name: "saasaparilla:platform", value: platform },
      { name: "saasaparilla:architecture", value: arch },
    ],
  };
}

/** Licences of system libraries. Only the base image knows their versions, and a scanner finds those in the image. */
const SYSTEM_LICENCES: Record<string, string> = {
  libc6: "LGPL-2.1-or-later",
  "libgcc-s1": "GPL-3.0-or-later WITH GCC-exception-3.1",
  "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
};

export function imageComponents(dockerfile: string): Component[] {
  const node = /^ARG NODE_IMAGE=node:([\d.]+)-([a-z]+)-slim$/m.exec(dockerfile);
  const copied = /for package in ([^;]+); do/.exec(dockerfile)?.[1]?.split(" ");
  if (node === null || copied === undefined) throw new Error("The Dockerfile does not say which Node the image has.");
  const [, version = "", debian = ""] = node;
  const purl = `pkg:generic/node@${version}`;
  const cpe = `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`;
  const libraries = copied.map((name): Component => {
    const licence = SYSTEM_LICENCES[name];
    if (licence === undefined) throw new Error(`The image copies ${name}: add its licence to tools/licences/bill.ts.`);
    const deb = `pkg:deb/debian/${name.replaceAll("+", "%2B")}?distro=${debian}`;
    const status = { name: "saasaparilla:version", value: `in the image, at /var/lib/dpkg/status.d/${name}` };
    return {
      type: "library",
      "bom-ref": deb,
      name,
      licenses: [{ expression: licence }],
      purl: deb,
      properties: [status],
    };
  });
  const licenses: Content["licenses"] = [{ license: { id: "MIT" } }];
  return [{ type: "platform", "bom-ref": purl, name: "node", version, licenses, cpe, purl }, ...libraries];
}
