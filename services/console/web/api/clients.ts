import type { PresentState } from "./notifications.ts";

export interface Connection {
  connection: string;
  slot: number;
  transport?: string;
  since?: string;
  address?: string;
}

export interface ClientView {
  client: string;
  /** Null: Redis does not answer. */
  connections: Connection[] | null;
  stored: { count: number; more: boolean; oldest?: string };
  inbox: { count: number; newest?: string };
  groups: string[];
  lastAcknowledged?: string;
  recent: { id: string; at: string; state: PresentState }[];
}

export interface Explanation {
  sentences: string[];
  unknown: string[];
}

export interface Watch {
  id: string;
  until: string;
}

export interface Deleted {
  /** False: more is left. */
  finished: boolean;
  deleted: Record<string, number>;
  remains: { where: string; what: string; until: string }[];
  notes: string[];
}
