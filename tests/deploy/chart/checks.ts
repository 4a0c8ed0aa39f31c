import { native, template, VALUES } from "#tests/chart/render.ts";
import type { Cluster } from "#tests/deploy/cluster/cluster.ts";

/** Namespaces that the sets of values name. */
const NAMESPACES = ["notifications", "monitoring"];

/** Applies objects to the API server; throws if it refuses one. */
export async function tried(cluster: Cluster): Promise<string> {
  const namespaces = NAMESPACES.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
  // In a full cluster a controller would create it.
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "default" } };
  const items = [...namespaces, account];
  await cluster.kubectl(["apply", "--filename", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  for (const name of VALUES)
    await cluster.kubectl(["apply", "--dry-run=server", "--filename", "-"], native(template(name)));
  return `${VALUES.length} sets of values taken`;
}
