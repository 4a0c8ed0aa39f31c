import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { local, repository } from "../compose/local/places.ts";
import { command, Trouble } from "../compose/local/trouble.ts";
import { chartPackage } from "./chart-package.ts";
import { clientPackage } from "./client-package.ts";
import { publish } from "./publish.ts";
import { run } from "./run.ts";
import { billOfMaterials } from "./bill-of-materials.ts";
import { nextVersion } from "./version.ts";

/**
 * A release of what is committed: its version and changelog from the changesets, the client library, the chart, the bill of
 * materials, the image. All of it is made in a work tree of its own; nothing leaves this machine without --publish.
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
    throw new Trouble(
      "--publish wants --registry, and no --dry-run.",
      "npx just release --publish --registry registry.example/saasaparilla",
    );
  const folder = join(local, "release");
  const tree = join(folder, "tree");
  leave(tree);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("git", ["worktree", "add", "--quiet", "--detach", tree, "HEAD"], repository);
  try {
    const version = nextVersion(tree);
    console.log(`version ${version}`);
    const files = [
      await clientPackage(tree, folder),
      chartPackage(tree, folder, version),
      billOfMaterials(folder, version),
    ];
    for (const file of files) console.log(file);
    if (dry) return console.log("A dry run: no image, no commit, no tag.");
    // All: the first changelog is a file that nobody knows yet.
    run("git", ["add", "--all"], tree);
    run("git", ["commit", "--quiet", "--message", `Release ${version}`], tree);
    // The image says of which commit it is.
    run("node", [join(tree, "compose/local/build-image.ts")], tree);
    run("git", ["tag", "--annotate", `v${version}`, "--message", `Release ${version}`], tree);
    if (values.publish) publish(version, values.registry!, files);
    console.log(`Take it over: git merge --ff-only v${version}`);
    if (!values.publish) console.log("Nothing was published: --publish --registry REGISTRY does that.");
  } finally {
    leave(tree);
  }
});

function leave(tree: string): void {
  rmSync(tree, { recursive: true, force: true });
  run("git", ["worktree", "prune"], repository);
}
