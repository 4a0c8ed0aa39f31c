import { native, template, VALUES } from "#tests/chart/render.ts";
import type { Cluster } from "#tests/deploy/cluster/cluster.ts";

/** Namespaces that the sets of values name. */
const NAMESPACES = ["notifications", "monitoring"];

/** What the API server takes; it throws at what it refuses. */
export async function tried(cluster: Cluster): Promise<string> {
  const namespaces = NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
  // A controller would make it, where there is one.
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } };
  const items = [...namespaces, account];
  await cluster.kubectl(["apply", "--filename", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  for (const name of VALUES)
    await cluster.kubectl(["apply", "--dry-run=server", "--filename", "-"], native(template(name)));
  return `${VALUES.length} sets of values taken`;
}
