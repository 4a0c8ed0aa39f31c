import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { Site } from "#services/console/site/site.ts";
import { keptInImage } from "#tools/licences/bill.ts";
import { NODE_FLAGS } from "@saasaparilla/shared/runtime/node-flags.ts";
import { expect, onTestFinished, test } from "vitest";

test("the image runs services with the local stack's and tests' flags", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  const entrypoint = /^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? "";
  expect(JSON.parse(entrypoint)).toEqual(["node", ...NODE_FLAGS, "/saasaparilla/image/run.ts"]);
});

test("the image runs each operator command by name, without a shell", () => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  const main = join(import.meta.dirname, "../cli/main.ts");
  expect(dockerfile).toContain("ln -s /saasaparilla/cli/main.ts /system/usr/local/bin/notifications");
  expect(readFileSync(main, "utf8")).toMatch(/^#!\/usr\/local\/bin\/node\n/);
  expect(statSync(main).mode & 0o111).toBe(0o111);
});

test("the commands run with the image's files, by name and by `cli`", () => {
  const root = join(import.meta.dirname, "..");
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  const image = mkdtempSync(join(tmpdir(), "image-"));
  onTestFinished(() => rmSync(image, { recursive: true }));
  const sources = [...dockerfile.matchAll(/^COPY (\w+) \/saasaparilla\/\1$/gm)].map(([, folder = ""]) => folder);
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
  for (const folder of sources) {
    expect(ignored).toContain(`!${folder}`);
    cpSync(join(root, folder), join(image, folder), {
      recursive: true,
      filter: (path) => !/\.test\.ts$|node_modules$/.test(path),
    });
  }
  cpSync(join(root, "package.json"), join(image, "package.json"));
  symlinkSync(join(root, "shared/node_modules"), join(image, "shared/node_modules"));
  mkdirSync(join(image, "node_modules/@saasaparilla"), { recursive: true });
  symlinkSync(join(image, "shared"), join(image, "node_modules/@saasaparilla/shared"));
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: object };
  for (const library of Object.keys(dependencies).filter((name) => !name.startsWith("@saasaparilla/")))
    symlinkSync(realpathSync(join(root, "node_modules", library)), join(image, "node_modules", library));
  symlinkSync(join(image, "cli/main.ts"), join(image, "notifications"));
  for (const start of [["notifications"], ["image/run.ts", "cli"]]) {
    const env = { PATH: process.env.PATH, KAFKA_BROKERS: "" };
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [...start, ...args], { cwd: image, env, encoding: "utf8" });
    expect(run("tenant", "--help")).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("Usage: notifications tenant"),
    });
    // The lazily loaded libraries are also found.
    expect(run("audit").stderr).toContain("KAFKA_BROKERS: is not set");
    expect(run("epoch").stderr).toMatch(/DATABASE_URL: is not set|KAFKA_BROKERS: is not set/);
    const refused = spawnSync(process.execPath, ["client/subscribe.ts", "--transport", "x"], {
      cwd: image,
      env: { NOTIFICATIONS_TOKEN: "t" },
      encoding: "utf8",
    });
    expect(refused.stderr).toContain("it is one of auto");
    const subscribe = run("subscribe", "--url", "http://127.0.0.1:9", "--signing-key", "/nowhere", "--client", "u1");
    expect(subscribe.stderr).toContain("--signing-key: ENOENT");
  }
});

test("the image has the console's pages, built from only the files that its stage copies", () => {
  const root = join(import.meta.dirname, "..");
  const dockerfile = readFileSync(join(root, "Dockerfile"), "utf8");
  const web = "services/console/web";
  const stage = /^FROM \S+ AS pages$([^]*?)^FROM /m.exec(dockerfile)?.[1] ?? "";
  expect(stage).toContain(`COPY ${web} ${web}\nRUN node ${web}/build.ts\n`);
  expect(dockerfile).toMatch(
    new RegExp(
      `^COPY services /saasaparilla/services$[^]*^COPY --from=pages \\S+/${web}/dist /saasaparilla/${web}/dist$`,
      "m",
    ),
  );
  const image = mkdtempSync(join(tmpdir(), "pages-"));
  onTestFinished(() => rmSync(image, { recursive: true }));
  cpSync(join(root, web), join(image, web), {
    recursive: true,
    filter: (path) => !/\.test\.ts$|node_modules$|dist$/.test(path),
  });
  cpSync(join(root, "package.json"), join(image, "package.json"));
  symlinkSync(join(root, web, "node_modules"), join(image, web, "node_modules"));
  const built = spawnSync(process.execPath, [join(image, web, "build.ts")], { cwd: image, encoding: "utf8" });
  expect(built).toMatchObject({ status: 0 });
  const site = new Site(join(image, web, "dist"));
  const page = String(site.answer({ method: "GET", path: "/", headers: {} })?.body);
  const scripts = [...page.matchAll(/src="(\/assets\/[^"]+\.js)"/g)];
  expect(scripts).not.toHaveLength(0);
  for (const [, path] of scripts)
    expect(site.answer({ method: "GET", path: path!, headers: {} })).toMatchObject({ status: 200 });
});

test.for([
  ["x64", "@uwsjs/linux-x64-22@20.51.4", "uws.node"],
  ["arm64", "uws-pack@20.0.8", "dist/bin/uws_linux_arm64_127.node"],
] as const)("the image for %s keeps only the native file in the bill of materials", ([arch, owner, file]) => {
  const dockerfile = readFileSync(join(import.meta.dirname, "../Dockerfile"), "utf8");
  expect(dockerfile).toContain("-o -name '*.node' \\)");
  const script = /! -path "\$\(node -p '([^']+)'\)" -delete/.exec(dockerfile)?.[1] ?? "";
  const process = { arch, versions: { modules: "127" } };
  const kept = runInNewContext(script, { process }) as string;
  const recorded = readFileSync(join(import.meta.dirname, "../tools/licences/native-files.json"), "utf8");
  const files = Object.entries(JSON.parse(recorded) as Record<string, Record<string, string>>).flatMap(([of, hashes]) =>
    Object.keys(hashes).map((one) => [of, one] as const),
  );
  const ends = kept.replace(/^\*/, "");
  const matching = files.filter(([of, one]) => `/${of.replace(/@[^@]+$/, "")}/${one}`.endsWith(ends));
  expect(matching).toEqual([[owner, file]]);
  expect(keptInImage(owner, file)).toBe(true);
});
