import { nameOf } from "@saasaparilla/shared/http/problem.ts";
import { Refusal } from "#api/refusal.ts";
import { isIdentity } from "@saasaparilla/shared/http/encoding.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { ACCEPTED, encodedProblem, problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { startSpan } from "@saasaparilla/shared/tracing/spans.ts";
import { publishResponse, count } from "./publish-response.ts";
import { unavailable } from "./append-problems.ts";
import type { Appender } from "./kafka-append.ts";
import { forbid, type Authorizer } from "./authorize.ts";
import { isDispatched } from "./forms.ts";
import { dryRunResponse, isDryRun, type DryRunParts } from "./dry-run.ts";
import { expand, gather } from "./expand.ts";
import type { Following } from "./follow.ts";
import { refuseNewForms } from "./new-forms.ts";
import type { FullInboxCheck } from "./full-inboxes.ts";
import { randomIds } from "./random-uuids.ts";
import type { Idempotency, KeyEntry } from "./idempotency.ts";
import { derivedId, nameOfKey, readKey } from "./idempotency-key.ts";
import type { ReceiverMetrics } from "#metrics.ts";
import { costOf, costOfRefused } from "./item-cost.ts";
import type { Item, ParseLimits } from "./item.ts";
import { formOf, readItems } from "./read-items.ts";
import type { TenantQuota } from "#limits/tenant-quota.ts";
import { Repeats } from "./idempotent-replay.ts";

export interface PublishParts {
  authorizer: Pick<Authorizer, "clientsOf" | "targetsOf" | "mayRead">;
  appender: Appender;
  idempotency: Idempotency;
  quota: TenantQuota;
  fullInboxes: FullInboxCheck;
  audience: DryRunParts;
  following: Following;
  /** The newest form of bytes that this platform may write. */
  format: () => number;
  limits: ParseLimits;
  metrics: ReceiverMetrics;
  log: Log;
}

/**
 * Three ways to refuse, by scope:
 * - Before the body is read, the guards return an HttpResponse.
 * - The whole request afterwards: any step throws a Refusal. Only `publish` catches it, and answers.
 * - One item: its `outcome` becomes a Problem, and the others continue.
 *
 * THE PATH, after the caller is known and the body is read: parse, stamp, spend, reserve, refuse, append, answer.
 */
export class Publisher {
  readonly #parts: PublishParts;
  readonly #repeats: Repeats;

  constructor(parts: PublishParts) {
    this.#parts = parts;
    this.#repeats = new Repeats(parts.idempotency);
  }

  async publish(request: Request, body: Buffer, caller: Identity): Promise<HttpResponse> {
    const { authorizer, appender, quota, metrics } = this.#parts;
    const arrived = performance.now();
    const { span, traceparent, traceId } = startSpan("publish", "server", request.headers.traceparent);
    let response: HttpResponse | undefined;
    let left: Record<string, string> | undefined;
    try {
      const clients = authorizer.clientsOf(caller);
      if (!appender.available) throw new Refusal(unavailable());
      const dryRun = isDryRun(request.query);
      const { items, key } = await this.#read(request, body, caller);
      const keyName = key === undefined ? undefined : nameOfKey(caller, key);
      stamp(items, keyName);
      forbid(items, { clients, targets: () => authorizer.targetsOf(caller) });
      left = await quota.spend(caller, costOf(items), body.length);
      if (dryRun) response = await this.#tryOut(items, caller);
      else {
        const { idempotency } = this.#parts;
        span?.setAttributes({ tenant: caller.tenant, "notifications.count": items.length });
        const entry = keyName === undefined ? undefined : idempotency.ofKey(keyName, formOf(request.headers), body);
        await this.#send(items, entry, { tenant: caller.tenant, publisher: caller.subject, traceparent, arrived });
        response = publishResponse(items, this.#note(items, caller));
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      metrics.refused(nameOf(error.problem));
      response = problemResponse(error.problem);
      left = { ...left, ...error.headers };
    } finally {
      // Without a response a handler failed, and the server answers 500.
      span?.setAttribute("http.response.status_code", response?.status ?? 500).end();
    }
    if (left) response = { ...response, headers: { ...response.headers, ...left } };
    metrics.answered(response.status, (performance.now() - arrived) / 1_000, traceId);
    return response;
  }

  async #send(items: Item[], entry: KeyEntry | undefined, from: Parameters<Appender["append"]>[1]): Promise<void> {
    const reserved = await this.#repeats.reserve(items, from.tenant, entry);
    this.#refuse(items, from.tenant);
    const sent = expand(items);
    const { following } = this.#parts;
    const follower = following.of(from);
    const began = follower && following.mark(sent, from, follower);
    await this.#parts.appender.append(sent, from);
    if (began !== undefined) following.record(sent, from, follower!, began);
    if (sent !== items) gather(items, sent);
    this.#repeats.conclude(items, reserved);
  }

  #tryOut(items: Item[], caller: Identity): Promise<HttpResponse> {
    const { authorizer, audience } = this.#parts;
    this.#refuse(items, caller.tenant);
    return dryRunResponse(items, { tenant: caller.tenant, mayRead: authorizer.mayRead(caller) }, audience);
  }

  #refuse(items: Item[], tenant: string): void {
    refuseNewForms(items, this.#parts.format());
    this.#parts.fullInboxes.refuse(items, tenant);
  }

  /** A body that is refused as a whole is charged too: reading it took as long as reading another. */
  async #read(request: Request, body: Buffer, caller: Identity): Promise<{ items: Item[]; key: string | undefined }> {
    try {
      const encoding = request.headers["content-encoding"];
      if (!isIdentity(encoding)) throw new Refusal(encodedProblem(encoding!), ACCEPTED);
      const items = readItems(request.headers, body, this.#parts.limits);
      return { items, key: readKey(request.headers["idempotency-key"]) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const headers = await this.#parts.quota.spend(caller, costOfRefused(body.length), body.length);
      throw new Refusal(error.problem, { ...headers, ...error.headers });
    }
  }

  #note(items: Item[], { tenant, subject }: Identity) {
    const { metrics, log } = this.#parts;
    const counted = count(items);
    let [direct, dispatched] = [0, 0];
    for (const { outcome, published, cost } of items) {
      if (outcome !== "accepted") continue;
      if (isDispatched(published!)) dispatched += 1;
      else direct += cost;
    }
    metrics.accepted(direct);
    if (dispatched > 0) metrics.publications(dispatched);
    if (counted.repeated > 0) metrics.repeated(counted.repeated);
    for (const { outcome } of items) if (typeof outcome === "object") metrics.rejected(nameOf(outcome));
    if (log.isLevelEnabled("debug")) {
      for (const { id, published, outcome } of items) {
        log.debug({ notification: id, tenant, publisher: subject, to: published?.to, outcome }, "published");
      }
    }
    return counted;
  }
}

/**
 * Before an item is forbidden: a repeat gets the ids of its accepted items, regardless of the publisher's current
 * rights.
 */
function stamp(items: Item[], keyName: string | undefined): void {
  const nameless = items.filter(({ published }) => published && published.id === undefined);
  const ids =
    keyName === undefined ? randomIds(nameless.length) : nameless.map(({ index }) => derivedId(keyName, index));
  nameless.forEach((item, index) => (item.id = ids[index]!));
  for (const item of items) if (item.published?.id !== undefined) item.id = item.published.id.toLowerCase();
}
