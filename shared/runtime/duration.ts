const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** "15m" as seconds. An invalid duration is an error, which also has the usage. */
export function seconds(option: string, given: string, usage: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(given) ?? [];
  const factor = UNITS[unit ?? ""];
  if (factor === undefined) throw new Error(`${option} ${JSON.stringify(given)} is no duration. ${usage}`);
  return Number(count) * factor;
}
