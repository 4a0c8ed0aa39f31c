import type { ReactNode } from "react";

/** Each tone has a shape of its own, so that a status is readable without colour. */
export type Tone = "good" | "wait" | "warn" | "bad" | "plain";

const SHAPES: Record<Tone, ReactNode> = {
  good: <path d="m2 6.4 2.7 2.7L10 3.4" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  wait: (
    <>
      <circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M6 1.4a4.6 4.6 0 0 1 0 9.2Z" fill="currentColor" />
    </>
  ),
  warn: <path d="M6 1 11.4 10.6H.6Z" fill="currentColor" />,
  bad: <path d="m2.4 2.4 7.2 7.2m0-7.2-7.2 7.2" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  plain: <circle cx="6" cy="6" r="4.4" fill="none" stroke="currentColor" strokeWidth="1.8" strokeDasharray="2.4 2.2" />,
};

function Shape({ tone }: { tone: Tone }) {
  return (
    <svg viewBox="0 0 12 12" aria-hidden="true">
      {SHAPES[tone]}
    </svg>
  );
}

export function Status({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className="status" data-tone={tone}>
      <Shape tone={tone} />
      {children}
    </span>
  );
}
