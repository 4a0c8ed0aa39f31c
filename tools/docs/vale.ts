import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { kept } from "#tests/chart/tools.ts";

const VERSION = "3.21.0";
const MODULE = "github.com/vale-cli/vale/v3/cmd/vale";
/** Compiling takes some minutes on two busy cores. After this time it counts as hanging. */
const PATIENCE_MS = 15 * 60_000;

/** Errors that Vale finds by the rules in tools/vale. Only `vale README.md docs` prints warnings. */
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
    // Vale needs Go to build. CI has Go, so every document is checked there.
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

/** Built from the Go proxy, once for each version, and kept outside of the clone. Go checks the module's checksum. */
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
