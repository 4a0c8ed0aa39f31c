/**
 * The occurrences of a schedule that are due. Pure: the next occurrence follows from the one before, and never from the
 * time now. So a clock that is set back repeats nothing.
 */
export interface ScheduleRule {
  /** The first occurrence after this one, in ms since 1970. Undefined if there is none. */
  next: (after: number) => number | undefined;
  /** What happens to occurrences that were missed, as while no dispatcher ran. */
  missed: "one" | "all" | "none";
  /** Seconds. An older occurrence is skipped. */
  catchUp: number;
}

export interface Timer {
  /** ms since 1970. */
  occurrence: number;
  /** Skipped since the last one that fired. */
  missed: number;
}

export interface Due {
  fired: { occurrence: number; missed: number }[];
  skipped: { occurrence: number; reason: string }[];
  /** Undefined if the schedule never fires again. */
  timer: Timer | undefined;
}

/** Occurrences in one transaction. The rest is due again at once. */
export const MOST_AT_ONCE = 100;
/** ms: a dispatcher is this late in normal times. An occurrence is late after half of its interval, too. */
const LATE_MS = 15_000;

/** `now`: Postgres' time, in ms since 1970. The timer's occurrence is due. */
export function dueOccurrences({ next, missed, catchUp }: ScheduleRule, timer: Timer, now: number): Due {
  const found: number[] = [timer.occurrence];
  let following = next(timer.occurrence);
  while (following !== undefined && following <= now && found.length < MOST_AT_ONCE) {
    found.push(following);
    following = next(following);
  }
  const more = following !== undefined && following <= now;
  const due: Due = { fired: [], skipped: [], timer: undefined };
  let skipped = timer.missed;
  found.forEach((occurrence, index) => {
    const last = index === found.length - 1 && !more;
    const reason = skipReason(occurrence, { last, following });
    if (reason === undefined) {
      due.fired.push({ occurrence, missed: missed === "one" ? skipped : 0 });
      skipped = 0;
    } else {
      due.skipped.push({ occurrence, reason });
      skipped += 1;
    }
  });
  if (following !== undefined) due.timer = { occurrence: following, missed: skipped };
  return due;

  function skipReason(occurrence: number, at: { last: boolean; following: number | undefined }): string | undefined {
    if (now - occurrence > catchUp * 1_000) return "It was missed by more than catchUp.";
    if (missed === "all") return undefined;
    if (missed === "one") return at.last ? undefined : "It was missed, and only the last missed one fires.";
    const interval = (at.following ?? Infinity) - occurrence;
    const late = Math.min(LATE_MS, interval / 2);
    return at.last && now - occurrence <= late ? undefined : "It was missed, and the schedule skips missed ones.";
  }
}
