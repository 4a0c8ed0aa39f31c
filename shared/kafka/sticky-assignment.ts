/**
 * Shares partitions among members so that no two differ by more than one, with as few moves as possible. A partition
 * that moves costs its clients a handover.
 */
export function stickyAssignment(
  partitions: readonly number[],
  before: ReadonlyMap<string, readonly number[]>,
): Map<string, number[]> {
  const members = [...before.keys()].sort();
  const free = new Set(partitions);
  const quota = Math.floor(partitions.length / members.length);
  let extras = partitions.length - quota * members.length;
  const kept = new Map<string, number[]>();
  // Members with the most partitions keep the extras, so that no partition moves needlessly.
  const byHolding = members.toSorted((a, b) => before.get(b)!.length - before.get(a)!.length);
  for (const member of byHolding) {
    const had = [...new Set(before.get(member))].filter((partition) => free.has(partition));
    const keep = had.slice(0, had.length > quota && extras > 0 ? quota + 1 : quota);
    if (keep.length > quota) extras -= 1;
    for (const partition of keep) free.delete(partition);
    kept.set(member, keep);
  }
  const rest = [...free].sort((a, b) => b - a);
  for (const member of byHolding) {
    const share = kept.get(member)!;
    while (share.length < quota) share.push(rest.pop()!);
  }
  for (const member of byHolding) {
    if (rest.length > 0 && kept.get(member)!.length === quota) kept.get(member)!.push(rest.pop()!);
  }
  return kept;
}
