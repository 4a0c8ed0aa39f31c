import type { Outcome } from "./run.ts";

const COLUMNS = ["sent", "received", "expired", "unknown", "lost", "reordered", "duplicates", "dead letters"] as const;
const NAME = 48;

export function header(): string {
  const names = [...COLUMNS, "breaches", "silence s", "recovery s", "noticed s", "serving again s"];
  return [`| ${"fault".padEnd(NAME)} | ${names.join(" | ")} |`, `| --- ${"| ---: ".repeat(names.length)}|`].join("\n");
}

export function line({ fault, figures, violations, unsettled, noticed, away }: Outcome): string {
  const numbers = COLUMNS.map((name) => String(figures[name]).padStart(name.length));
  const seconds = [figures.silence, figures.recovery, noticed, away].map((ms) => (ms / 1_000).toFixed(1).padStart(9));
  const cells = [fault.padEnd(NAME), ...numbers, String(violations.length).padStart(8), ...seconds];
  return `| ${cells.join(" | ")} |${unsettled > 0 ? ` ${unsettled} left unsettled` : ""}`;
}

export function totals(outcomes: readonly Outcome[]): string {
  const sum = (name: (typeof COLUMNS)[number]): number => outcomes.reduce((all, { figures }) => all + figures[name], 0);
  const minutes = outcomes.reduce((all, { seconds }) => all + seconds, 0) / 60;
  const breaches = outcomes.reduce((all, { violations }) => all + violations.length, 0);
  const rate = Math.round(sum("sent") / minutes / 60);
  return `${outcomes.length} runs, ${minutes.toFixed(1)} minutes, ${rate} accepted a second: ${COLUMNS.map((name) => `${sum(name)} ${name}`).join(", ")}, ${breaches} breaches`;
}
