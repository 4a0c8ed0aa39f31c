import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { repository } from "#local/process/paths.ts";
import { UserError } from "#local/process/user-error.ts";
import { packageManager, run } from "./run.ts";
import { tried } from "./try-client.ts";

/** The imports of an application, each with its size limit in a bundle: minified, and compressed by gzip. */
const ENTRIES = { client: 6 * 1_024, inbox: 6.5 * 1_024 };
const PUBLINT = "publint@0.3.25";
/** The declarations that an application reads. */
const PUBLIC = ["api", "client", "inbox"];
const ATTW = "@arethetypeswrong/cli@0.18.5";

/** Builds and tests the client library's package: ESM and CommonJS with types and source maps. */
export async function clientPackage(tree: string, folder: string, everyTypeScript = false): Promise<string> {
  const client = join(tree, "client");
  rmSync(join(client, "dist"), { recursive: true, force: true });
  await bundle(client);
  declare(tree);
  for (const [name, most] of Object.entries(ENTRIES)) {
    const bytes = await size(client, name);
    if (bytes > most)
      throw new UserError(
        `The client library's ${name} has ${bytes} bytes compressed.`,
        `The limit is ${most} bytes: make it smaller.`,
      );
    console.log(`the client library's ${name}: ${bytes} of ${most} bytes, minified and compressed`);
  }
  run("npx", ["-y", packageManager(tree), "pack", "--pack-destination", folder], client);
  const { version } = JSON.parse(readFileSync(join(client, "package.json"), "utf8")) as { version: string };
  const file = join(folder, `saasaparilla-client-${version}.tgz`);
  run("npx", ["-y", PUBLINT, "run", file, "--strict"], folder);
  run("npx", ["-y", ATTW, file], folder);
  await tried(file, join(folder, "tried"), everyTypeScript);
  return file;
}

/** Each entry is complete. A shared file would save 270 bytes, but cost applications without an inbox more. */
async function bundle(client: string): Promise<void> {
  for (const name of Object.keys(ENTRIES)) {
    const library = await rolldown({ input: join(client, `${name}.ts`), platform: "neutral" });
    for (const [format, extension] of [
      ["esm", "js"],
      ["cjs", "cjs"],
    ] as const)
      await library.write({ format, file: join(client, `dist/${name}.${extension}`), sourcemap: true });
    await library.close();
  }
}

/** Writes the declarations twice. With one copy, TypeScript would treat the types of `require` as an ES module's. */
function declare(tree: string): void {
  const dist = join(tree, "client/dist");
  run(join(repository, "node_modules/.bin/tsc"), ["--project", join(tree, "client")], tree);
  const inside = readdirSync(dist).filter(
    (name) => name.endsWith(".d.ts") && !PUBLIC.includes(name.slice(0, -".d.ts".length)),
  );
  for (const name of inside) rmSync(join(dist, name));
  for (const name of PUBLIC) {
    const text = readFileSync(join(dist, `${name}.d.ts`), "utf8");
    for (const [extension, source] of [
      ["d.ts", "js"],
      ["d.cts", "cjs"],
    ] as const)
      writeFileSync(join(dist, `${name}.${extension}`), text.replaceAll('"./api.ts"', `"./api.${source}"`));
  }
}

async function size(client: string, name: string): Promise<number> {
  const library = await rolldown({ input: join(client, `dist/${name}.js`), platform: "browser" });
  const { output } = await library.generate({ format: "esm", minify: true });
  await library.close();
  return gzipSync(output[0].code, { level: 9 }).length;
}

/** Builds the package from the working tree, for `just client-package`. */
export async function packHere(folder: string, everyTypeScript: boolean): Promise<string> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return clientPackage(repository, folder, everyTypeScript);
}
