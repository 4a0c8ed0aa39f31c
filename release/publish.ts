import { repository } from "../compose/local/places.ts";
import { run } from "./run.ts";

/** To where the clients themselves are logged in: docker login, npm login, helm registry login. */
export function publish(version: string, registry: string, [client, chart]: string[]): void {
  const image = `saasaparilla/notifications:${version}`;
  run("docker", ["tag", image, `${registry}/notifications:${version}`], repository);
  run("docker", ["push", `${registry}/notifications:${version}`], repository);
  run("helm", ["push", chart!, `oci://${registry}/charts`], repository);
  run("npm", ["publish", client!], repository);
  run("git", ["push", "origin", `v${version}`], repository);
}
