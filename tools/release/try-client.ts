import { cpSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { rolldown } from "rolldown";
import { repository } from "#local/process/paths.ts";
import { run } from "./run.ts";

/** The oldest and the newest supported versions. */
const TYPESCRIPT = ["4.9.5", "7.0.2"];
const EVERY_TYPESCRIPT = ["4.9.5", "5.0.4", "5.2.2", "5.4.5", "5.6.3", "5.7.3", "5.8.3", "5.9.3", "6.0.3", "7.0.2"];

/** Imports, requires and bundles the package in an empty folder, as applications do, by each Node and TypeScript. */
export async function tried(file: string, folder: string, everyTypeScript: boolean): Promise<void> {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", "--ignore-scripts", file], folder);
  for (const name of ["try-client.mjs", "try-client.cjs"]) cpSync(join(import.meta.dirname, name), join(folder, name));
  for (const [name, text] of Object.entries(TYPED)) writeFileSync(join(folder, name), text);
  for (const version of everyTypeScript ? EVERY_TYPESCRIPT : TYPESCRIPT) checked(version, folder);
  const bundle = await rolldown({ input: join(folder, "try-client.mjs"), platform: "node", cwd: folder });
  await bundle.write({ file: join(folder, "bundle.mjs") });
  await bundle.close();
  // The bundle contains the library.
  renameSync(join(folder, "node_modules"), join(folder, "away"));
  run(process.execPath, ["bundle.mjs"], folder);
  renameSync(join(folder, "away"), join(folder, "node_modules"));
  for (const node of nodes())
    for (const name of ["try-client.mjs", "try-client.cjs"])
      console.log(`the client library: ${run(node, [name], folder).trim()}`);
}

/** Checks the types with each module resolution of TypeScript. `node10` is the one before Node 16. */
function checked(version: string, folder: string): void {
  const major = Number(version.split(".")[0]);
  const ways: [object, string[]][] = [[{ module: "node16", moduleResolution: "node16" }, Object.keys(TYPED)]];
  if (major >= 5) ways.push([{ module: "esnext", moduleResolution: "bundler" }, ["typed.mts"]]);
  // TypeScript 6 deprecates it, and 7 no longer has it.
  const deprecated = major === 6 ? { ignoreDeprecations: "6.0" } : {};
  if (major < 7) ways.push([{ module: "commonjs", moduleResolution: "node", ...deprecated }, ["typed.cts"]]);
  for (const [options, files] of ways) {
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...STRICT, ...options }, files }));
    run("npx", ["-y", "--package", `typescript@${version}`, "--", "tsc", "--project", "tsconfig.json"], folder);
  }
  console.log(`the client library: its types, by TypeScript ${version}`);
}

/** Excludes settings of the folders above, because an application has its own types. */
const STRICT = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  target: "es2022",
  lib: ["es2022"],
  types: [],
};

/** Without the DOM, because some environments do not have its types. */
const TYPED = {
  "typed.mts": `import { connect, type Connection, type Cursor, type Notification, type Options, type Reason, type State, type Status, type TransportName } from "@saasaparilla/client";
import { inbox, type InboxItem, type InboxState } from "@saasaparilla/client/inbox";
interface Order { id: string }
let cursor: Cursor | undefined;
const options: Options<Order> = {
  url: "http://localhost",
  token: () => "t",
  transport: "sse",
  onNotification: ({ data, cursor: next }: Notification<Order>) => { data.id.trim(); cursor = next; },
  onState: ({ state, transport, reason }: Status) => { const all: [State, TransportName, Reason | undefined] = [state, transport, reason]; void all; },
  onError: (error, { code, notification }) => { void [error, code, notification?.data.id]; },
  store: { load: () => null, save: async (next) => { cursor = next; } },
};
export const connection: Connection = connect<Order>(options);
// @ts-expect-error data is unknown without a type
connect({ url: "", token: async () => "t", onNotification: ({ data }) => data.id });
const list = inbox<Order>({ url: "http://localhost" });
const bound: Connection<Order> = connect<Order>({ ...options, inbox: list });
const off: () => void = list.subscribe(() => { const { items, unread, error }: InboxState<Order> = list.state; void [items[0]?.data.id, items[0]?.mark === "read", unread, error?.code]; });
export const shown: readonly InboxItem<Order>[] | undefined = bound.inbox?.items;
export const marked: Promise<boolean> = list.mark("archived", { upTo: cursor ?? "" }).finally(off);
export const closed: Promise<string> = connection.closed.then(({ code, text }) => code + text + cursor);
`,
  "typed.cts": `import client = require("@saasaparilla/client");
import inbox = require("@saasaparilla/client/inbox");
export const connection: client.Connection = client.connect<{ id: string }>({ url: "", token: "t", onNotification: ({ data }) => data.id });
export const list: inbox.Inbox<{ id: string }> = inbox.inbox({ url: "http://localhost" });
export const marked: Promise<boolean> = list.read(list.items.map(({ id }) => id));
`,
};

/** Our TypeScript, and each other version on the machine. */
function nodes(): string[] {
  const others = (process.env.PATH ?? "")
    .split(delimiter)
    .map((path) => join(path, "node"))
    .filter((path) => !path.startsWith(repository) && existsSync(path));
  const versions = new Map<string, string>();
  for (const node of [process.execPath, ...others]) {
    const version = run(node, ["--version"], repository);
    if (!versions.has(version)) versions.set(version, node);
  }
  return [...versions.values()];
}
