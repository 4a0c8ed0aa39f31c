import { nameOf } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { forbiddenBefore, idReused, refusedBefore } from "#api/item-problems.ts";
import type { Item } from "./item.ts";

/**
 * The form of a request's verdicts in Redis: one letter for each item, and a number after the letter of a run
 * ("a998fo"). The text is empty if all were accepted. It never has more characters than the request has items: 10,000
 * at most (MAX_BATCH_ITEMS). Pointers and errors are not kept: the repeat has the same body, so validating it again
 * finds them.
 */
const LETTERS = {
  a: "accepted",
  /** Temporary or unknown: a repeat tries it again. */
  o: "open",
  n: "not-json",
  s: "invalid-shape",
  v: "invalid-value",
  l: "too-large",
  f: "client-forbidden",
  t: "target-forbidden",
  u: "unknown-target",
  i: "id-reused",
} as const satisfies Record<string, "accepted" | "open" | ProblemName>;

type Letter = keyof typeof LETTERS;

const LETTER_OF = new Map<string, string>(Object.entries(LETTERS).map(([letter, verdict]) => [verdict, letter]));
const OPEN: Letter = "o";

export function isTaken({ outcome }: Pick<Item, "outcome">): boolean {
  return outcome === "accepted" || outcome === "repeated";
}

type Judged = Pick<Item, "outcome" | "acceptedBefore">;

export function writeVerdicts(items: readonly Judged[]): string {
  if (items.every(isTaken)) return "";
  let text = "";
  for (let start = 0, end; start < items.length; start = end) {
    const letter = letterOf(items[start]!);
    for (end = start + 1; end < items.length && letterOf(items[end]!) === letter; end += 1);
    text += end - start === 1 ? letter : `${letter}${end - start}`;
  }
  return text;
}

/**
 * Gives each item its earlier verdict, regardless of its current validation. Open items keep their current verdict. So
 * do verdicts that this version cannot read: they never count as accepted.
 */
export function recallVerdicts(items: readonly Item[], text: string): void {
  if (text === "") {
    for (const item of items) recall(item, "accepted");
    return;
  }
  let at = 0;
  for (const [, letter, run] of text.matchAll(/([a-z])(\d*)/g)) {
    const end = Math.min(items.length, at + (run === "" ? 1 : Number(run)));
    for (; at < end; at += 1) recall(items[at]!, LETTERS[letter as Letter] ?? LETTERS[OPEN]);
  }
}

function recall(item: Item, verdict: (typeof LETTERS)[Letter]): void {
  if (verdict === "open") return;
  if (verdict === "accepted") {
    item.acceptedBefore = true;
    // The receiver's limits were lowered since then, so the item's id is unknown.
    if (item.id !== "") item.outcome = "repeated";
  } else if (typeof item.outcome !== "object" || nameOf(item.outcome) !== verdict) {
    if (verdict === "client-forbidden" || verdict === "target-forbidden")
      item.outcome = forbiddenBefore(verdict, item, item.published?.to);
    else if (verdict === "id-reused") item.outcome = idReused(item);
    else item.outcome = refusedBefore(verdict, item);
  }
}

function letterOf(item: Judged): string {
  if (isTaken(item) || item.acceptedBefore) return "a";
  return (typeof item.outcome === "object" && LETTER_OF.get(nameOf(item.outcome))) || OPEN;
}
