import type { Listed } from "./documents.ts";

export interface TimelineEvent {
  at: string;
  service: string;
  instance?: string;
  kind: string;
  client?: string;
  detail: Record<string, unknown>;
}

/** Events that a service could not write: what happened then is unknown. */
export interface Gap {
  service: string;
  instance?: string;
  from: string;
  to: string;
  count: number;
}

export interface PresentState {
  state: string;
  /** One sentence for a support person. */
  sentence: string;
  reasons?: string[];
}

export interface NotificationView {
  id: string;
  tenant: string;
  client?: string;
  state: PresentState;
  events: TimelineEvent[];
  gaps: Gap[];
  /** What the platform cannot say, in sentences. */
  unknown: string[];
}

export interface RecentEvent {
  id: string;
  client: string;
  at: string;
  kind: string;
  service: string;
  publisher?: string;
}

export type Recent = Listed<RecentEvent>;
