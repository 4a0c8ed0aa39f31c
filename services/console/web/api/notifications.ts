import type { Listed } from "./documents.ts";

export interface TimelineEvent {
  at: string;
  service: string;
  instance: string;
  /** Absent for a publication to many. */
  client?: string;
  kind: string;
  detail: Record<string, unknown>;
  /** For a support person. */
  sentence: string;
}

/** Events that a service could not write: what happened then is unknown. */
export interface Gap {
  service: string;
  instance: string;
  from: string;
  to: string;
  count: number;
}

export interface PresentState {
  name: string;
  sentence: string;
  since?: string;
}

export interface NotificationView {
  id: string;
  client?: string;
  state: PresentState;
  events: TimelineEvent[];
  gaps: Gap[];
  /** What the platform cannot say, in sentences. */
  unknown: string[];
  stored?: { client: string; since: string; expires?: string };
  publication?: {
    state: string;
    target: string;
    due: string;
    ended?: string;
    written: number;
    refused: number;
    reason?: string;
  };
  quarantined?: { queue: string; reason: string; at: string };
  inbox?: { client: string; since: string; mark: string };
  payload?: { store: string; text: string };
}

export type RecentEvent = TimelineEvent & { id: string };

export type Recent = Listed<RecentEvent>;
