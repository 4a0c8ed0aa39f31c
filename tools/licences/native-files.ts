import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join, relative } from "node:path";

/** Machine code in a package. No source shows its content, so only its bytes can be checked. */
export interface NativeFile {
  /** `name@version` of its package. */
  owner: string;
  /** Its path within the package, with `/`. */
  file: string;
  platform: "linux" | "darwin" | "win32";
  arch: string;
  sha256: string;
}

/** SHA-256 by package, then by file. `native-files.json` has the accepted ones. */
export type Hashes = Record<string, Record<string, string>>;

const HEAD_BYTES = 4_096;
const ELF_MACHINES: Record<number, string> = { 3: "ia32", 40: "arm", 62: "x64", 183: "arm64" };
const PE_MACHINES: Record<number, string> = { 0x14c: "ia32", 0x8664: "x64", 0xaa64: "arm64" };
const MACH_MACHINES: Record<number, string> = { 0x1000007: "x64", 0x100000c: "arm64" };

/** Decides by the first bytes of a file, because a name can be wrong. */
export function kindOf(head: Buffer): Pick<NativeFile, "platform" | "arch"> | undefined {
  if (head.length < 20) return undefined;
  const magic = head.readUInt32BE(0);
  if (magic === 0x7f454c46) return { platform: "linux", arch: ELF_MACHINES[head.readUInt16LE(18)] ?? "unknown" };
  if (magic === 0xcffaedfe || magic === 0xcefaedfe)
    return { platform: "darwin", arch: MACH_MACHINES[head.readUInt32LE(4)] ?? "unknown" };
  // Several architectures in one file. A Java class has the same first bytes, but then a larger number: its version.
  if ((magic === 0xcafebabe || magic === 0xcafebabf) && head.readUInt32BE(4) < 30)
    return { platform: "darwin", arch: "universal" };
  if (head.toString("latin1", 0, 2) === "MZ") {
    const at = head.length >= 64 ? head.readUInt32LE(60) : head.length;
    const known = at + 6 <= head.length && head.toString("latin1", at, at + 4) === "PE\0\0";
    return { platform: "win32", arch: (known ? PE_MACHINES[head.readUInt16LE(at + 4)] : undefined) ?? "unknown" };
  }
  return undefined;
}

export function nativeFilesIn(owner: string, folder: string): NativeFile[] {
  const found: NativeFile[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const kind = kindOf(headOf(path));
    if (kind === undefined) continue;
    const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
    found.push({ owner, file: relative(folder, path).replaceAll("\\", "/"), ...kind, sha256 });
  }
  return found.sort((one, other) => (one.file < other.file ? -1 : 1));
}

export function hashesOf(files: NativeFile[]): Hashes {
  const hashes: Hashes = {};
  for (const { owner, file, sha256 } of files) (hashes[owner] ??= {})[file] = sha256;
  return hashes;
}

/** One line for each new, missing or changed file. */
export function differences(accepted: Hashes, found: Hashes): string[] {
  const before = flat(accepted);
  const now = flat(found);
  return [...new Set([...before.keys(), ...now.keys()])].sort().flatMap((file) => {
    const [was, is] = [before.get(file), now.get(file)];
    if (was === is) return [];
    if (was === undefined) return [`${file} is new: ${is}`];
    return [is === undefined ? `${file} is gone` : `${file} was ${was} and is ${is}`];
  });
}

function flat(hashes: Hashes): Map<string, string> {
  const entries = Object.entries(hashes);
  return new Map(
    entries.flatMap(([owner, files]) => Object.entries(files).map(([file, sha]) => [`${owner}/${file}`, sha])),
  );
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  const opened = openSync(path, "r");
  try {
    return head.subarray(0, readSync(opened, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(opened);
  }
}
