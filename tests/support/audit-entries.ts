import { readAll } from "./kafka-records.ts";
import type { Stack } from "./stack.ts";

/** A line of the audit log. */
export interface AuditEntry {
  allowed?: boolean;
  subject?: string;
  tenant?: string;
  times?: number;
  why?: string;
  [name: string]: unknown;
}

export async function auditEntries(stack: Stack): Promise<AuditEntry[]> {
  return (await readAll(stack, "audit")).flatMap(({ value }) =>
    value
      .toString()
      .split("\n")
      .map((line) => JSON.parse(line) as AuditEntry),
  );
}
