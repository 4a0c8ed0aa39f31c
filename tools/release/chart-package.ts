import { join } from "node:path";
import { run } from "./run.ts";

/** The same archive as from `helm package`, with the same bytes for the same commit. */
export function chartPackage(tree: string, folder: string, version: string): string {
  const name = "saasaparilla-notifications";
  const file = join(folder, `${name}-${version}.tgz`);
  const when = run("git", ["log", "-1", "--format=%cI"], tree).trim();
  const same = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=${when}`, "--mode=u=rwX,go=rX"];
  run("tar", ["--create", "--use-compress-program=gzip -n", "--file", file, ...same, name], join(tree, "charts"));
  return file;
}
