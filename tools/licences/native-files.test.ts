import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { NATIVE_CONTENTS } from "./native-contents.ts";
import { differences, hashesOf, kindOf, nativeFilesIn, type Hashes } from "./native-files.ts";
import { repository } from "#local/process/paths.ts";

const accepted = JSON.parse(readFileSync(join(import.meta.dirname, "native-files.json"), "utf8")) as Hashes;

function head(bytes: Record<number, number[] | string>): Buffer {
  const buffer = Buffer.alloc(256);
  for (const [at, value] of Object.entries(bytes)) Buffer.from(value as string).copy(buffer, Number(at));
  return buffer;
}

test.each([
  ["ELF for x64", head({ 0: "\x7fELF", 18: [62, 0] }), { platform: "linux", arch: "x64" }],
  ["ELF for arm64", head({ 0: "\x7fELF", 18: [183, 0] }), { platform: "linux", arch: "arm64" }],
  ["Mach-O", head({ 0: [0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1] }), { platform: "darwin", arch: "arm64" }],
  ["Mach-O for several", head({ 0: [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2] }), { platform: "darwin", arch: "universal" }],
  ["PE", head({ 0: "MZ", 60: [128], 128: "PE\0\0", 132: [0x64, 0x86] }), { platform: "win32", arch: "x64" }],
  ["a Java class", head({ 0: [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 65] }), undefined],
  ["text", Buffer.from("export const text = 'ELF';\n"), undefined],
  ["an empty file", Buffer.alloc(0), undefined],
])("a file's first bytes identify its type: %s", (_, bytes, expected) => {
  expect(kindOf(bytes)).toEqual(expected);
});

test("a native file is found at any depth and under any name", () => {
  const folder = mkdtempSync(join(tmpdir(), "native-files-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, "a/b"), { recursive: true });
  writeFileSync(join(folder, "a/b/readme.txt"), head({ 0: "\x7fELF", 18: [62, 0] }));
  writeFileSync(join(folder, "index.js"), "export default 1;\n");
  expect(nativeFilesIn("p@1.0.0", folder)).toEqual([
    {
      owner: "p@1.0.0",
      file: "a/b/readme.txt",
      platform: "linux",
      arch: "x64",
      sha256: "b0957d8ef40a791d96ef341297632e9d4993b0125ae726180e79668acca4eac3",
    },
  ]);
});

test("a new, missing or changed file is named with its package", () => {
  const before = { "p@1.0.0": { "a.node": "11", "b.node": "22", "c.node": "33" } };
  const now = { "p@1.0.0": { "a.node": "11", "b.node": "23" }, "q@2.0.0": { "d.so": "44" } };
  expect(differences(before, now)).toEqual([
    "p@1.0.0/b.node was 22 and is 23",
    "p@1.0.0/c.node is gone",
    "q@2.0.0/d.so is new: 44",
  ]);
  expect(differences(before, before)).toEqual([]);
});

test("the socket library's native files are the accepted ones, and their contents are recorded", () => {
  const found = ["@uwsjs/linux-x64-22", "uWebSockets.js"].flatMap((dependency) => {
    const folder = realpathSync(join(repository, "services/distributor/node_modules", dependency));
    const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, string>;
    return nativeFilesIn(`${name}@${version}`, folder);
  });
  expect(differences(accepted, hashesOf(found))).toEqual([]);
  expect(Object.keys(accepted)).toEqual(Object.keys(NATIVE_CONTENTS));
});
