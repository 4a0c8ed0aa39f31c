import type { RecentEvent } from "./notifications.ts";

export interface Connection {
  connection: string;
  transport: string;
  since: string;
  address?: string;
  distributor: string;
}

export interface ClientView {
  tenant: string;
  client: string;
  connections: Connection[];
  stored: { count: number; oldest?: string };
  lastAcknowledged?: string;
  groups: string[];
  inbox?: { items: number; unread: number; unseen: number };
  recent: RecentEvent[];
  /** Parts that no store could answer now, in sentences. */
  unknown?: string[];
}

export interface Explanation {
  sentences: string[];
}

export interface Watch {
  id: string;
  until: string;
}

export interface Deleted {
  deleted: Record<string, number>;
  /** What remains in Kafka, and until when, in sentences. */
  remains: string[];
}
