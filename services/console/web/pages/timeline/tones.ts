import type { Tone } from "#ui/status.tsx";

/** Of events, and of the present state, which has the name of the event that led to it. */
const TONES: Record<string, Tone> = {
  accepted: "wait",
  waiting: "wait",
  scheduled: "wait",
  "fanned-out": "wait",
  held: "wait",
  sent: "wait",
  deferred: "wait",
  stored: "wait",
  delivered: "wait",
  replayed: "wait",
  claimed: "wait",
  redriven: "wait",
  acknowledged: "good",
  confirmed: "good",
  seen: "good",
  read: "good",
  retried: "warn",
  dropped: "warn",
  skipped: "warn",
  refused: "bad",
  expired: "bad",
  undeliverable: "bad",
  quarantined: "bad",
  "dead-lettered": "bad",
};

/** An unknown state and those that a publisher chose are plain. */
export const toneOf = (name: string): Tone => TONES[name] ?? "plain";

/** These are listed without a client; any kind is listed of one client. */
export const LISTED_KINDS = [
  "accepted",
  "refused",
  "expired",
  "retracted",
  "undeliverable",
  "dead-lettered",
  "quarantined",
];

export const EVENT_KINDS = [...new Set([...LISTED_KINDS, ...Object.keys(TONES), "replaced", "listed", "archived"])];
