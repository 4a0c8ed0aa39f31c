import type { Tone } from "#ui/status.tsx";

const TONES: Record<string, Tone> = {
  acknowledged: "good",
  confirmed: "good",
  read: "good",
  accepted: "wait",
  waiting: "wait",
  scheduled: "wait",
  held: "wait",
  sent: "wait",
  stored: "wait",
  claimed: "wait",
  expired: "bad",
  refused: "bad",
  undeliverable: "bad",
  quarantined: "bad",
  "dead-lettered": "bad",
};

/** An unknown state and those that a publisher chose are plain. */
export const toneOfState = (state: string): Tone => TONES[state] ?? "plain";
