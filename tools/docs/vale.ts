import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { kept } from "#tests/chart/tools.ts";

const VERSION = "3.21.0";
const MODULE = "github.com/vale-cli/vale/v3/cmd/vale";
/** Compiling takes some minutes on two busy cores; what hangs is not waited for longer. */
const PATIENCE_MS = 15 * 60_000;

/** What Vale finds wrong by the rules in tools/vale; warnings are printed by `vale README.md docs` alone. */
export function vale(repository: string, paths: string[]): string[] {
  let binary: string | undefined;
  try {
    binary = binaryOf();
  } catch (error) {
    const reason = (error as { stderr?: Buffer }).stderr?.toString().trim() || String(error);
    return [
      `vale ${VERSION} could not be compiled: ${reason} Check the way to the Go proxy (GOPROXY), or install vale.`,
    ];
  }
  if (binary === undefined) {
    // Without Go there is no way to have it. CI has Go, so nothing passes there unseen.
    if (process.env.CI !== undefined) return [`Vale is not here. Install Go, or vale ${VERSION}.`];
    process.stdout.write(`Vale was left out: install Go, or vale ${VERSION}.\n`);
    return [];
  }
  try {
    execFileSync(binary, ["--minAlertLevel=error", "--output=line", ...paths], { cwd: repository, encoding: "utf8" });
    return [];
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return `${stdout ?? ""}${stderr ?? ""}`.trim().split("\n");
  }
}

/** From the Go proxy, once for each version, and kept outside of the clone. The module's checksum is Go's to check. */
function binaryOf(): string | undefined {
  if (works("go", "version"))
    return join(
      kept(`vale-${VERSION}`, (folder) => {
        process.stdout.write(`Compiling vale ${VERSION}, once.\n`);
        execFileSync("go", ["install", `${MODULE}@v${VERSION}`], {
          env: { ...process.env, GOBIN: folder, GOFLAGS: "-trimpath" },
          stdio: ["ignore", "ignore", "pipe"],
          timeout: PATIENCE_MS,
        });
        if (!existsSync(join(folder, "vale"))) throw new Error("Go installed no vale.");
      }),
      "vale",
    );
  return works("vale", "--version") ? "vale" : undefined;
}

function works(file: string, argument: string): boolean {
  try {
    execFileSync(file, [argument], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
