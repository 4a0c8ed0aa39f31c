/**
 * The part of the process's descriptors for connections. The rest serves stores, scrapes, acknowledgements and refused
 * clients.
 */
const SHARE = 0.9;

/**
 * `wanted`, limited by the process's descriptors. A process without descriptors could neither answer nor reach a store.
 */
export function mostConnections(wanted: number): number {
  // Otherwise the report looks up every address by name, and blocks everything.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | "unlimited" } } };
  const descriptors = report.userLimits?.open_files?.soft;
  return typeof descriptors === "number" ? Math.max(1, Math.min(wanted, Math.floor(descriptors * SHARE))) : wanted;
}
