import { readFileSync } from "node:fs";

/** Latencies in ms: figures of one run. */
export class Latencies {
  readonly #samples: number[] = [];

  add(ms: number): void {
    this.#samples.push(ms);
  }

  get count(): number {
    return this.#samples.length;
  }

  summary(): { p50: number; p99: number; "p99.9": number; max: number } {
    const sorted = Float64Array.from(this.#samples).sort();
    const at = (share: number): number =>
      round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
    return { p50: at(0.5), p99: at(0.99), "p99.9": at(0.999), max: at(1) };
  }
}

/** CPU seconds that a process has used (user and system, all threads), from /proc/PID/stat; and its resident MiB. */
export function usage(pid: number): { cpuSeconds: number; residentMiB: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  // USER_HZ is 100 on every Linux that Node runs on.
  return { cpuSeconds: ticks / 100, residentMiB: round(Number(resident) / 1024) };
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
