import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const repository = resolve(import.meta.dirname, "../..");
export const local = join(repository, ".local");

export const paths = {
  data: join(local, "data"),
  keys: join(local, "keys"),
  logs: join(local, "logs"),
  run: join(local, "run"),
  secrets: join(local, "secrets"),
  software: join(local, "software"),
};

/**
 * Other users may pass through `.local`, but not list it: Postgres refuses to run as root, and runs as `nobody`. Only
 * folders that `nobody` does not need are closed.
 */
export function makePaths(): void {
  mkdirSync(local, { recursive: true, mode: 0o711 });
  for (const place of [paths.data, paths.software]) mkdirSync(place, { recursive: true, mode: 0o755 });
  for (const place of [paths.keys, paths.logs, paths.run, paths.secrets])
    mkdirSync(place, { recursive: true, mode: 0o700 });
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** If the file exists, it is complete. The file of an interrupted earlier try may not be writable. */
export function writeWhole(path: string, text: string, mode: number): void {
  const partial = `${path}.partial`;
  rmSync(partial, { force: true });
  writeFileSync(partial, text, { mode });
  renameSync(partial, path);
}

/** Written once and read afterwards, so that the data it protects outlives a restart. */
export function secret(name: string, make: () => string): string {
  const path = join(paths.secrets, name);
  const known = readIfThere(path);
  if (known !== undefined) return known;
  const made = make();
  writeWhole(path, made, 0o600);
  return made;
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
