import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "#local/process/paths.ts";
import { chartPackage } from "./chart-package.ts";
import { digestsOf, foreignImages, pinned, pinnedEnvironment, pinValues, type Digests } from "./pins.ts";
import { run } from "./run.ts";

/**
 * One image for each architecture, under one name. Docker's buildx makes and pushes them, with binfmt for foreign ones.
 */
const PLATFORMS = "linux/amd64,linux/arm64";

interface Release {
  tree: string;
  folder: string;
  version: string;
  registry: string;
  client: string;
}

/**
 * Publishes with the logins of the clients themselves: docker login, npm login, helm registry login. Returns the files
 * that it made.
 */
export function publish({ tree, folder, version, registry, client }: Release): string[] {
  const images = foreignImages(tree);
  const digests = digestsOf(images.values(), digestAt);
  const own = {
    repository: `${registry}/notifications`,
    digest: pushed(tree, `${registry}/notifications:${version}`, pinned(images.get("NODE_IMAGE")!, digests)),
  };
  const environment = join(folder, `saasaparilla-notifications-${version}.env`);
  writeFileSync(environment, pinnedEnvironment(images, digests, `${own.repository}@${own.digest}`));
  const chart = pinnedChart({ tree, folder, version }, digests, own);
  run("helm", ["push", chart, `oci://${registry}/charts`], repository);
  run("npm", ["publish", client], repository);
  run("git", ["push", "origin", `v${version}`], repository);
  return [chart, environment];
}

/** The digest of the manifest list, which has the images of all platforms. */
const digestAt = (image: string): string =>
  run("docker", ["buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image], repository);

/** Builds on a base of this digest, pushes, and returns the digest of the new image. */
function pushed(tree: string, name: string, base: string): string {
  const more = ["--platform", PLATFORMS, "--push", "--tag", name];
  const args = ["--build-arg", `SOURCE=${source()}`, "--build-arg", `NODE_IMAGE=${base}`];
  run("node", [join(tree, "tools/image/build-image.ts"), ...more, ...args], tree);
  return digestsOf([name], digestAt).get(name)!;
}

/** Pins values.yaml only for the package. The commit keeps tags, because other builds of it may have other images. */
function pinnedChart(
  { tree, folder, version }: Pick<Release, "tree" | "folder" | "version">,
  digests: Digests,
  own: { repository: string; digest: string },
): string {
  const file = join(tree, "charts/saasaparilla-notifications/values.yaml");
  const values = readFileSync(file, "utf8");
  writeFileSync(file, pinValues(values, digests, own));
  try {
    return chartPackage(tree, folder, version);
  } finally {
    writeFileSync(file, values);
  }
}

/** The URL without the part before the @, which may be a token. */
const source = (): string =>
  run("git", ["remote", "get-url", "origin"], repository)
    .trim()
    .replace(/\/\/[^@/]*@/, "//");
