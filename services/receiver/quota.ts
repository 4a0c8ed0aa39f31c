import type { Identity } from "@saasaparilla/shared/identity.ts";
import type { Rates, Standing } from "@saasaparilla/shared/rates.ts";
import type { Keys } from "@saasaparilla/shared/redis.ts";
import type { LimitsOf } from "@saasaparilla/shared/tenant-limits.ts";
import type { ReceiverMetrics } from "./metrics.ts";
import { problemOf, Refusal } from "./problems.ts";

export interface QuotaParts {
  rates: Pick<Rates, "take">;
  keys: Keys;
  limitsOf: LimitsOf;
  metrics: Pick<ReceiverMetrics, "limited">;
}

/** What a tenant and each of its publishers may publish: counted in notifications, once for each request. */
export class Quota {
  readonly #parts: QuotaParts;
  /** Bytes of requests that are not answered, by tenant. */
  readonly #bytes = new Map<string, number>();

  constructor(parts: QuotaParts) {
    this.#parts = parts;
  }

  /** Nobody fills all of a receiver. A tenant that holds nothing may send whatever a request may have. */
  hold({ tenant }: Identity, bytes: number): void {
    const held = this.#bytes.get(tenant) ?? 0;
    if (held > 0 && held + bytes > this.#parts.limitsOf(tenant).queuedBytes) throw this.#refusal("bytes", 1_000);
    this.#bytes.set(tenant, held + bytes);
  }

  release({ tenant }: Identity, bytes: number): void {
    const held = this.#bytes.get(tenant)! - bytes;
    if (held > 0) this.#bytes.set(tenant, held);
    else this.#bytes.delete(tenant);
  }

  /** All of a request, or nothing of it. */
  async spend({ tenant, subject }: Identity, notifications: number): Promise<Standing[]> {
    const { rates, keys, limitsOf } = this.#parts;
    const { publishRate, publishBurst, publisherRate, publisherBurst } = limitsOf(tenant);
    const ofTenant = { rate: publishRate, burst: publishBurst };
    const ofPublisher = { rate: publisherRate, burst: publisherBurst };
    const { refused, standings } = await rates.take(
      [
        { key: keys.rate(tenant, "tenant"), policy: "tenant", rate: ofTenant },
        { key: keys.rate(tenant, "publisher", subject), policy: "publisher", rate: ofPublisher },
      ],
      notifications,
    );
    if (refused) throw this.#refusal(refused.policy as Bound, refused.retryMs, standings);
    return standings;
  }

  #refusal(bound: Bound, retryMs: number, standings?: Standing[]): Refusal {
    this.#parts.metrics.limited(bound);
    const retryAfter = Math.max(1, Math.ceil(retryMs / 1_000));
    return new Refusal(
      problemOf("rate-limited", `${BOUNDS[bound]} Nothing of this was accepted.`, { retryAfter }),
      standings,
    );
  }
}

export type Bound = keyof typeof BOUNDS;

const BOUNDS = {
  tenant: "Your tenant publishes more than it may.",
  publisher: "This publisher publishes more than it may.",
  bytes: "Your tenant has as many bytes under way as it may.",
} as const;
