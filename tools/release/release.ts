import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { local, repository } from "#local/process/paths.ts";
import { command, UserError } from "#local/process/user-error.ts";
import { chartPackage } from "./chart-package.ts";
import { clientPackage } from "./client-package.ts";
import { publish } from "./publish.ts";
import { run } from "./run.ts";
import { billOfMaterials } from "./bill-of-materials.ts";
import { nextVersion } from "./version.ts";

/**
 * A release of the committed state: version and changelog from the changesets, the client library, the chart, the bill
 * of materials, the image. It is made in a separate work tree. Nothing leaves this machine without --publish.
 */
await command(async () => {
  const { values } = parseArgs({
    options: {
      "dry-run": { type: "boolean", default: false },
      publish: { type: "boolean", default: false },
      registry: { type: "string" },
    },
  });
  const dry = values["dry-run"];
  if (values.publish && (dry || values.registry === undefined))
    throw new UserError(
      "--publish needs --registry, and excludes --dry-run.",
      "npx just release --publish --registry registry.example/saasaparilla",
    );
  const folder = join(local, "release");
  const tree = join(folder, "tree");
  leave(tree);
  mkdirSync(folder, { recursive: true });
  run("git", ["worktree", "add", "--quiet", "--detach", tree, "HEAD"], repository);
  try {
    const version = nextVersion(tree);
    const tag = `v${version}`;
    if (!dry && run("git", ["tag", "--list", tag], repository) !== "")
      throw new UserError(
        `The tag ${tag} already exists, from another release.`,
        `Take it over: git merge --ff-only ${tag}. Or delete it with git tag --delete ${tag}, and run this again.`,
      );
    console.log(`version ${version}`);
    // The files of the last release stay until the next release.
    for (const name of readdirSync(folder).filter((one) => join(folder, one) !== tree))
      rmSync(join(folder, name), { recursive: true });
    const client = await clientPackage(tree, folder);
    const files = [client, chartPackage(tree, folder, version), billOfMaterials(folder, version)];
    for (const file of files) console.log(file);
    if (dry) return console.log("A dry run: no image, no commit, no tag.");
    run("git", ["add", "--all"], tree);
    // A commit hook would look for its tools in this tree, which has no packages.
    run("git", ["commit", "--quiet", "--no-verify", "--message", `chore(release): ${version}`], tree);
    // The image records its commit.
    run("node", [join(tree, "tools/image/build-image.ts")], tree);
    run("git", ["tag", "--annotate", tag, "--message", `Release ${version}`], tree);
    if (values.publish)
      for (const file of publish({ tree, folder, version, registry: values.registry!, client }))
        console.log(`by digest: ${file}`);
    console.log(`Take it over: git merge --ff-only ${tag}`);
    if (!values.publish)
      console.log(
        `Nothing was published. To publish, run git tag --delete ${tag}, and this again with --publish --registry REGISTRY.`,
      );
  } finally {
    leave(tree);
  }
});

function leave(tree: string): void {
  rmSync(tree, { recursive: true, force: true });
  run("git", ["worktree", "prune"], repository);
}
