export interface DeadLetter {
  id: string;
  topic: string;
  partition: number;
  offset: number;
  index?: number;
  reason: string;
  when: string;
  size: number;
  notifications: { client: string; id: string }[];
}

export interface DeadLetters {
  deadLetters: DeadLetter[];
  next?: string;
}

export interface ShownDeadLetter extends DeadLetter {
  content: { items?: unknown[]; base64?: string };
}

export interface Quarantined {
  id: string;
  source: string;
  reason: string;
  at: string;
  event?: string;
  headers?: unknown;
  data: unknown;
}

export interface Members {
  members: string[];
  next?: string;
}

/** A request that a receiver or a distributor refused. */
export interface Refusal {
  instance: string;
  at: string;
  service: string;
  problem: string;
  status: number;
  method: string;
  path: string;
  why: string;
}

/** A line of the audit log. Another version may write fewer members. */
export interface AuditEntry {
  at: string;
  service?: string;
  allowed?: boolean;
  outcome?: string;
  scope?: string;
  method?: string;
  path?: string;
  tenant?: string;
  subject?: string;
  address?: string;
  why?: string;
  /** Equal requests within a second are one entry. */
  times?: number;
  wrote?: { kind: string; id: string; changed: Record<string, [unknown, unknown]> }[];
  /** So many requests could not be written to the log. */
  missing?: number;
}

export interface InboxItem {
  id: string;
  publishedAt: string;
  event?: string;
  mark: string | null;
  data: unknown;
}
