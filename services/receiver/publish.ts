import type { Request } from "@saasaparilla/shared/http.ts";
import { problemReply, type Reply } from "@saasaparilla/shared/reply.ts";
import type { Identity } from "@saasaparilla/shared/identity.ts";
import type { Log } from "@saasaparilla/shared/log.ts";
import { startSpan } from "@saasaparilla/shared/telemetry.ts";
import { answer, count } from "./answer.ts";
import { unavailable, type Appender } from "./append.ts";
import { forbid, type Authorizer } from "./authorize.ts";
import type { Full } from "./full.ts";
import { randomIds } from "./ids.ts";
import { derivedId, readKey, type Entry, type Idempotency } from "./idempotency.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { parse, type Item, type ParseLimits } from "./parse.ts";
import type { Quota } from "./quota.ts";
import { problemOf, refuse, Refusal, slugOf } from "./problems.ts";

export interface PublishParts {
  /** Who asks was found out before the body was read; or it is the answer. */
  callerOf: (request: Request) => Promise<Identity | Reply>;
  authorizer: Pick<Authorizer, "clientsOf">;
  appender: Appender;
  idempotency: Idempotency;
  quota: Quota;
  full: Full;
  limits: ParseLimits;
  metrics: ReceiverMetrics;
  log: Log;
}

/** THE PATH, after who asks is known and its body is there: parse, stamp, spend, reserve, refuse, append, answer. */
export class Publisher {
  readonly #parts: PublishParts;

  constructor(parts: PublishParts) {
    this.#parts = parts;
  }

  async publish(request: Request, body: Buffer): Promise<Reply> {
    const { authorizer, callerOf, appender, quota, full, limits, metrics } = this.#parts;
    const arrived = performance.now();
    const { span, traceparent } = startSpan("receiver", "publish", "server", request.headers.traceparent);
    let reply: Reply;
    let left: Record<string, string> | undefined;
    try {
      const caller = await callerOf(request);
      if ("status" in caller) return caller;
      const clients = authorizer.clientsOf(caller);
      if (request.headers["content-encoding"])
        refuse("unsupported-media-type", "The body is compressed; it is taken as it is.");
      if (!appender.available) throw new Refusal(unavailable());
      const items = parse(request.headers["content-type"], body, limits);
      if (clients) forbid(items, clients);
      const key = readKey(request.headers["idempotency-key"]);
      stamp(items, caller, key);
      left = await quota.spend(caller, items.length);
      const reserved = await this.#reserve(items, caller, key, request, body);
      full.refuse(items, caller.tenant);
      await appender.append(items, { tenant: caller.tenant, traceparent, arrived });
      this.#conclude(items, reserved);
      reply = answer(items, this.#note(items, caller));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      metrics.refused(slugOf(error.problem));
      left ??= error.headers;
      reply = problemReply(error.problem);
    } finally {
      span.end();
    }
    if (left) reply = { ...reply, headers: { ...reply.headers, ...left } };
    metrics.answered(reply.status, (performance.now() - arrived) / 1_000);
    return reply;
  }

  /** Only what has an id or a key costs a question to Redis. Items that are repeats or in progress have their outcome after it. */
  async #reserve(
    items: Item[],
    { tenant }: Identity,
    key: string | undefined,
    request: Request,
    body: Buffer,
  ): Promise<Reservation> {
    const { idempotency } = this.#parts;
    const reservation: Reservation = { key: undefined, items: [] };
    if (key !== undefined) {
      const entry = idempotency.ofKey(tenant, key, request.headers["content-type"] ?? "", body);
      const [state] = (await idempotency.reserve([entry])) ?? [];
      if (state === "other") refuse("key-reused");
      if (state === "pending") refuse("in-progress", undefined, { retryAfter: 1 });
      if (state === "done") for (const item of items) if (item.outcome === "open") item.outcome = "repeated";
      if (state === "fresh") reservation.key = entry;
    }
    const named = items.filter(({ outcome, published }) => outcome === "open" && published?.id !== undefined);
    if (named.length === 0) return reservation;
    const entries = named.map((item) => idempotency.ofItem(tenant, item));
    const states = await idempotency.reserve(entries);
    states?.forEach((state, index) => {
      const item = named[index]!;
      if (state === "fresh") reservation.items.push({ item, entry: entries[index]! });
      else item.outcome = state === "done" ? "repeated" : problemOfRepeat(state, item);
    });
    return reservation;
  }

  /** Accepted is done; certainly not accepted is released; where it is unknown, the reservation runs out by itself. */
  #conclude(items: Item[], reservation: Reservation): void {
    const { idempotency } = this.#parts;
    const taken = reservation.items.filter(({ item }) => item.outcome === "accepted");
    const failed = reservation.items.filter(({ item }) => typeof item.outcome === "object" && !isUnknown(item));
    idempotency.done(taken.map(({ entry }) => entry));
    idempotency.release(failed.map(({ entry }) => entry));
    if (!reservation.key || items.some(isUnknown)) return;
    // What can be tried again with success must be let through with the same key.
    if (items.some(isTemporary)) idempotency.release([reservation.key]);
    else idempotency.done([reservation.key]);
  }

  #note(items: Item[], { tenant, subject }: Identity) {
    const { metrics, log } = this.#parts;
    const counted = count(items);
    metrics.accepted(counted.accepted);
    if (counted.repeated > 0) metrics.repeated(counted.repeated);
    for (const { outcome } of items) if (typeof outcome === "object") metrics.rejected(slugOf(outcome));
    if (log.isLevelEnabled("debug")) {
      for (const { id, published, outcome } of items) {
        log.debug({ notification: id, tenant, publisher: subject, client: published?.to.client, outcome }, "published");
      }
    }
    return counted;
  }
}

interface Reservation {
  key: Entry | undefined;
  items: { item: Item; entry: Entry }[];
}

function stamp(items: Item[], { tenant }: Identity, key: string | undefined): void {
  const nameless = items.filter(({ published }) => published && published.id === undefined);
  const ids =
    key === undefined ? randomIds(nameless.length) : nameless.map(({ index }) => derivedId(tenant, key, index));
  nameless.forEach((item, index) => (item.id = ids[index]!));
  for (const item of items) if (item.published?.id !== undefined) item.id = item.published.id.toLowerCase();
}

function problemOfRepeat(state: "pending" | "other", { pointer, line }: Item) {
  if (state === "pending") return problemOf("in-progress", undefined, { retryAfter: 1 });
  const error = {
    pointer: `${pointer}/id`,
    ...(line && { line }),
    detail: "A notification with this id and other content was accepted before.",
    expected: "an id that was never used, or the same content with it",
    fix: "Use a new id.",
  };
  return problemOf("id-reused", undefined, { errors: [error] });
}

function isUnknown({ outcome }: Item): boolean {
  return typeof outcome === "object" && slugOf(outcome) === "outcome-unknown";
}

function isTemporary({ outcome }: Item): boolean {
  return typeof outcome === "object" && [409, 429, 503].includes(outcome.status);
}
