import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { billOf, imageComponents, packageComponents } from "./bill.ts";
import { NATIVE_CONTENTS } from "./native-contents.ts";
import { repository } from "#local/process/paths.ts";

const lockfile = readFileSync(join(repository, "pnpm-lock.yaml"), "utf8");
const dockerfile = readFileSync(join(repository, "Dockerfile"), "utf8");
const owner = Object.keys(NATIVE_CONTENTS).find((one) => one.startsWith("uws-pack@"))!;
const at = owner.lastIndexOf("@");
const [name, version] = [owner.slice(0, at), owner.slice(at + 1)];
const library = { name, version, license: "MIT", inImage: true };
const file = (platform: "linux" | "darwin", arch: string, modules: string) => ({
  owner,
  file: `bin/uws_${platform}_${arch}_${modules}.node`,
  platform,
  arch,
  sha256: "00",
});

test("a package has its lockfile hash, and its native files have theirs and the libraries inside", () => {
  const [component] = packageComponents([library], [file("linux", "x64", process.versions.modules)], lockfile);
  const integrity = new RegExp(`${owner}:\\s+resolution: \\{integrity: sha512-([^}]+)\\}`).exec(lockfile)![1]!;
  expect(component).toMatchObject({
    purl: `pkg:npm/${owner}`,
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity, "base64").toString("hex") }],
    components: [
      {
        type: "file",
        hashes: [{ alg: "SHA-256", content: "00" }],
        components: NATIVE_CONTENTS[owner],
        properties: [{ value: "linux" }, { value: "x64" }],
      },
    ],
  });
});

test("files that the image does not keep, and packages of the local stack, are optional", () => {
  const files = [
    file("linux", "arm64", process.versions.modules),
    file("linux", "arm64", "115"),
    file("linux", "arm", process.versions.modules),
    file("darwin", "arm64", process.versions.modules),
  ];
  const components = packageComponents([{ ...library, inImage: false }], files, lockfile);
  expect(components.map(({ scope }) => scope)).toEqual(["optional"]);
  const scopes = components[0]!.components!.map((one) => ("scope" in one ? one.scope : undefined));
  expect(scopes).toEqual(["required", "optional", "optional", "optional"]);
});

test("a package outside the lockfile ends the bill", () => {
  expect(() => packageComponents([{ ...library, version: "0.0.0" }], [], lockfile)).toThrow("no SHA-512");
});

test("Node and the system libraries match the Dockerfile's copies", () => {
  const names = imageComponents(dockerfile).map(({ name: part }) => part);
  expect(names).toEqual(["node", "libc6", "libgcc-s1", "libstdc++6"]);
  expect(() => imageComponents(dockerfile.replace("in libc6", "in libssl3 libc6"))).toThrow("libssl3");
  expect(() => imageComponents("FROM scratch")).toThrow("does not say");
});

test("every reference within the bill has one target", () => {
  const bill = JSON.stringify(billOf([library], [file("linux", "x64", "127"), file("linux", "arm64", "127")]));
  const references = [...bill.matchAll(/"bom-ref":"([^"]+)"/g)].map(([, reference]) => reference);
  expect(new Set(references).size).toBe(references.length);
  expect(references.length).toBe(7);
});
