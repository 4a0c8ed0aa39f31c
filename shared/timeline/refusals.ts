import { randomUUID } from "node:crypto";
import { PLATFORM_TENANT } from "#auth/policies/schema.ts";
import type { RefusedRequest } from "#http/refused-request.ts";
import { nameOf, shorten, type Problem } from "#http/problem.ts";
import { clientKey } from "#protocol/notification.ts";
import { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import type { Events } from "./event-log.ts";
import { MOST_WHY, type Details } from "./events.ts";

/** Recorded refusals of one tenant, and of all callers without one, in each process. */
const EACH = { rate: 5, burst: 100 };
const ALL = { rate: 50, burst: 500 };
const MOST_PATH = 200;
const MOST_POINTERS = 3;

/**
 * Records refused requests in the timeline, under an id that the answer has as `instance`. A flood of them is sampled:
 * above the rate they are only counted, and their ids lead nowhere.
 */
export class Refusals {
  readonly #events: Events;
  readonly #now: () => number;
  readonly #each = new KeyedLimiter(EACH);
  readonly #all = new KeyedLimiter(ALL);
  readonly #counts = { recorded: 0, dropped: 0 };

  /** `now`: ms of a clock that never goes back. */
  constructor({ events, registry, now }: { events: Events; registry: Registry; now: () => number }) {
    this.#events = events;
    this.#now = now;
    meters(registry).counts(
      "refusals_total",
      "Refused requests, by whether the timeline has them. Above a rate they are only counted.",
      ["result"],
      () => Object.entries(this.#counts).map(([result, count]) => ({ result, count })),
    );
  }

  /** Returns the instance for the answer. */
  note({ method, path, tenant = PLATFORM_TENANT }: RefusedRequest, problem: Problem): string {
    const id = randomUUID();
    const now = this.#now();
    if (this.#each.late(tenant, now) === undefined && this.#all.late("", now) === undefined) {
      this.#counts.recorded += 1;
      this.#events.record("refused", clientKey(tenant, ""), id, {
        instance: id,
        problem: nameOf(problem),
        status: problem.status,
        method,
        path: shorten(path, MOST_PATH),
        why: whyOf(problem),
      });
    } else this.#counts.dropped += 1;
    return `urn:uuid:${id}`;
  }
}

/** Without any part of the body: errors and the detail of broken JSON can quote it. */
function whyOf(problem: Problem): Details["refused"]["why"] & string {
  const { title, detail, errors = [], errorCount = errors.length } = problem;
  if (errors.length === 0) return shorten(nameOf(problem) === "not-json" ? title : detail, MOST_WHY);
  const named = errors
    .slice(0, MOST_POINTERS)
    .map(
      ({ pointer, header, expected }) => `${header ?? (pointer === "" ? "the body" : pointer)}: expected ${expected}`,
    );
  const more = errorCount > named.length ? [`and ${errorCount - named.length} more`] : [];
  return shorten([...named, ...more].join("; "), MOST_WHY);
}
