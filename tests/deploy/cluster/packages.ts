import { existsSync } from "node:fs";
import { step } from "#local/process/progress.ts";
import { runTool } from "#local/process/run-tool.ts";
import { UserError } from "#local/process/user-error.ts";

/** The Debian packages, by a file of each. */
const NEEDED: Record<string, string> = {
  "/usr/bin/etcd": "etcd-server",
  "/usr/bin/containerd": "containerd",
  "/usr/lib/cni/bridge": "containernetworking-plugins",
  "/usr/sbin/conntrack": "conntrack",
  "/usr/sbin/iptables": "iptables",
  "/usr/sbin/ip": "iproute2",
  "/usr/bin/prometheus": "prometheus",
};

/** The files for the API server alone. */
export const FOR_API = ["/usr/bin/etcd", "/usr/sbin/iptables", "/usr/sbin/ip"];

/** The cluster's Debian packages: missing ones are installed if we are root. */
export async function ensurePackages(files: readonly string[] = Object.keys(NEEDED)): Promise<void> {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new UserError("A cluster of containers, addresses and mounts needs Linux and root.", "Run it as root.");
  const missing = files.flatMap((file) => (existsSync(file) ? [] : NEEDED[file]!));
  if (missing.length === 0) return;
  const fix = `Install these packages, and start again: ${missing.join(", ")}.`;
  if (!existsSync("/usr/bin/apt-get")) throw new UserError("This machine does not run Debian.", fix);
  await step("the cluster's Debian packages", async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await runTool("apt-get", ["update", "-q"], { log: "apt", fix, env });
    await runTool("apt-get", ["install", "-yq", "--no-install-recommends", ...missing], { log: "apt", fix, env });
  });
}
