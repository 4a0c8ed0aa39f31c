import { repository } from "../compose/local/places.ts";
import { join } from "node:path";
import { run } from "./run.ts";

/** One image for each kind of machine, under one name: Docker's buildx makes and pushes them, with binfmt for the kind that this machine is not. */
const PLATFORMS = "linux/amd64,linux/arm64";

/** To where the clients themselves are logged in: docker login, npm login, helm registry login. */
export function publish(tree: string, version: string, registry: string, [client, chart]: string[]): void {
  const name = `${registry}/notifications:${version}`;
  const image = ["--platform", PLATFORMS, "--push", "--tag", name, "--build-arg", `SOURCE=${source()}`];
  run("node", [join(tree, "compose/local/build-image.ts"), ...image], tree);
  run("helm", ["push", chart!, `oci://${registry}/charts`], repository);
  run("npm", ["publish", client!], repository);
  run("git", ["push", "origin", `v${version}`], repository);
}

/** Without what stands before the @: a token, where somebody clones by one. */
const source = (): string =>
  run("git", ["remote", "get-url", "origin"], repository)
    .trim()
    .replace(/\/\/[^@/]*@/, "//");
