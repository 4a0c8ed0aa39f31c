import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { rolldown } from "rolldown";
import { repository } from "../compose/local/places.ts";
import { packageManager, run } from "./run.ts";

/** The client library as others install it, tried as they would: in an empty folder, by each Node that is here, and in a bundle. */
export async function clientPackage(tree: string, folder: string): Promise<string> {
  const client = join(tree, "client");
  run(tool("tsc"), ["--project", client], tree);
  run("npx", ["-y", packageManager(tree), "pack", "--pack-destination", folder], client);
  const { version } = JSON.parse(readFileSync(join(client, "package.json"), "utf8")) as { version: string };
  const file = join(folder, `saasaparilla-client-${version}.tgz`);
  await tried(file, join(folder, "tried"));
  return file;
}

async function tried(file: string, folder: string): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", file], folder);
  cpSync(join(import.meta.dirname, "try-client.mjs"), join(folder, "try.mjs"));
  writeFileSync(join(folder, "typed.ts"), TYPED);
  run(tool("tsc"), [...STRICT, "typed.ts"], folder);
  const bundle = await rolldown({ input: join(folder, "try.mjs"), platform: "node", cwd: folder });
  await bundle.write({ file: join(folder, "bundle.mjs") });
  await bundle.close();
  // The bundle has the library in it.
  renameSync(join(folder, "node_modules"), join(folder, "away"));
  run(process.execPath, ["bundle.mjs"], folder);
  renameSync(join(folder, "away"), join(folder, "node_modules"));
  for (const node of nodes()) console.log(`the client library: ${run(node, ["try.mjs"], folder).trim()}`);
}

const STRICT = ["--ignoreConfig", "--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext"];
const TYPED = `import { connect, type Connection, type Options } from "@saasaparilla/client";
const options: Options = { url: "http://localhost", token: "t", onNotification: ({ id, cursor }) => void [id, cursor] };
export const connection: Connection = connect(options);
`;

const tool = (name: string): string => join(repository, "node_modules/.bin", name);

/** Ours, and the machine's own. */
function nodes(): string[] {
  const others = (process.env.PATH ?? "")
    .split(delimiter)
    .map((path) => join(path, "node"))
    .filter((path) => !path.startsWith(repository) && existsSync(path));
  return [process.execPath, ...others.slice(0, 1)];
}
