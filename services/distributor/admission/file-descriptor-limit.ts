/** Of the descriptors that the process may open; the rest is for stores, scrapes, acknowledgements, and those it refuses. */
const SHARE = 0.9;

/** `wanted`, but no more than the process has descriptors for: out of them it could neither answer nor reach a store. */
export function mostConnections(wanted: number): number {
  // With it every address would be looked up by name, and everything would wait.
  Object.assign(process.report, { excludeNetwork: true });
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: number | "unlimited" } } };
  const descriptors = report.userLimits?.open_files?.soft;
  return typeof descriptors === "number" ? Math.max(1, Math.min(wanted, Math.floor(descriptors * SHARE))) : wanted;
}
