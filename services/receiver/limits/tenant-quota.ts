import { LRUCache } from "lru-cache";
import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { Refusal } from "#api/refusal.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { RateLimitPolicy, type Bucket } from "@saasaparilla/shared/rate-limits/rate-limit-policy.ts";
import { overShare } from "@saasaparilla/shared/fairness/fair-share.ts";
import type { RedisRateLimiter } from "@saasaparilla/shared/rate-limits/redis-rate-limiter.ts";
import type { Keys } from "@saasaparilla/shared/redis/keys.ts";
import { problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { LimitsOf, TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import type { NoisyTenants } from "./noisy-tenants.ts";
import type { ReceiverMetrics } from "#metrics.ts";

/** The most callers with a stored policy. Above it, the least recently used is built again at its next request. */
const MOST_CALLERS = 10_000;

export interface TenantQuotaParts {
  rateLimiter: Pick<RedisRateLimiter, "take">;
  keys: Keys;
  limitsOf: LimitsOf;
  metrics: Pick<ReceiverMetrics, "limited">;
  noisyTenants: Pick<NoisyTenants, "took" | "refused">;
}

/**
 * The quota of a tenant and of each of its publishers in notifications. A tenant also has a quota in bytes of bodies.
 * Each request is counted once.
 */
export class TenantQuota {
  readonly #parts: TenantQuotaParts;
  /** Unanswered requests, by tenant. */
  readonly #held = new Map<string, { requests: number; bytes: number }>();
  readonly #policies = new LRUCache<string, { limits: TenantLimits; policy: RateLimitPolicy }>({ max: MOST_CALLERS });
  readonly #buckets = new LRUCache<string, { limits: TenantLimits; buckets: TenantBuckets }>({ max: MOST_CALLERS });

  constructor(parts: TenantQuotaParts) {
    this.#parts = parts;
  }

  /**
   * Begins a request, or returns the refusal. A tenant is refused at its own limit, or at its share of this receiver's.
   * `free`: the requests that still fit. End each begun request once.
   */
  begin({ tenant }: Identity, free: number): HttpResponse | undefined {
    let held = this.#held.get(tenant);
    const { requests, weight } = this.#parts.limitsOf(tenant);
    if (held && (held.requests >= requests || overShare(held.requests, weight, free)))
      return this.#share(tenant, "requests");
    if (!held) this.#held.set(tenant, (held = { requests: 0, bytes: 0 }));
    held.requests += 1;
    return undefined;
  }

  /**
   * Adds received bytes of the body, or returns the refusal. A tenant is refused at its own limit of bytes, or at its
   * share of this receiver's. `free`: the bytes that still fit. A tenant with one request may send the largest allowed
   * body.
   */
  hold({ tenant }: Identity, bytes: number, free: number): HttpResponse | undefined {
    const held = this.#held.get(tenant)!;
    if (held.requests > 1) {
      const { queuedBytes, weight } = this.#parts.limitsOf(tenant);
      if (held.bytes + bytes > queuedBytes || overShare(held.bytes, weight, free)) return this.#share(tenant, "bytes");
    }
    held.bytes += bytes;
    return undefined;
  }

  end({ tenant }: Identity, bytes: number): void {
    const held = this.#held.get(tenant)!;
    held.requests -= 1;
    held.bytes -= bytes;
    if (held.requests === 0) this.#held.delete(tenant);
  }

  /** Charges the whole request, or none of it. `bytes`: of its body. Returns the headers with the remaining quota. */
  async spend(caller: Identity, notifications: number, bytes: number): Promise<Record<string, string>> {
    const { refused, headers } = await this.#parts.rateLimiter.take(this.#policyOf(caller), notifications, bytes);
    if (refused) throw this.#refusal(caller.tenant, refused.policy as Bound, refused.retryMs, headers);
    this.#parts.noisyTenants.took(caller.tenant, notifications, bytes);
    return headers;
  }

  /** For a request that was refused before its body was fully read. */
  charge(caller: Identity, notifications: number, bytes: number): void {
    void this.#parts.rateLimiter.take(this.#policyOf(caller), notifications, bytes);
  }

  /** One policy for all requests of a caller while its limits are unchanged, so that they share calls to Redis. */
  #policyOf({ tenant, subject }: Identity): RateLimitPolicy {
    const limits = this.#parts.limitsOf(tenant);
    const name = `${tenant}/${subject}`;
    const known = this.#policies.get(name);
    if (known?.limits === limits) return known.policy;
    const rate = { rate: limits.publisherRate, burst: limits.publisherBurst };
    const ofPublisher = { key: this.#parts.keys.rate(tenant, "publisher", subject), policy: "publisher", rate };
    const { notifications, bytes } = this.#bucketsOf(tenant, limits);
    const policy = new RateLimitPolicy([notifications, ofPublisher, bytes]);
    this.#policies.set(name, { limits, policy });
    return policy;
  }

  /** One set for all publishers of a tenant. */
  #bucketsOf(tenant: string, limits: TenantLimits): TenantBuckets {
    const known = this.#buckets.get(tenant);
    if (known?.limits === limits) return known.buckets;
    const { keys } = this.#parts;
    const [rate, byteRate] = [
      { rate: limits.publishRate, burst: limits.publishBurst },
      { rate: limits.publishByteRate, burst: limits.publishByteBurst },
    ];
    const buckets: TenantBuckets = {
      notifications: { key: keys.rate(tenant, "tenant"), policy: "tenant", rate },
      bytes: { key: keys.rate(tenant, "tenant-bytes"), policy: "tenant-bytes", unit: "bytes", rate: byteRate },
    };
    this.#buckets.set(tenant, { limits, buckets });
    return buckets;
  }

  #share(tenant: string, bound: Bound): HttpResponse {
    return problemResponse(this.#refusal(tenant, bound, 1_000).problem);
  }

  #refusal(tenant: string, bound: Bound, retryMs: number, headers?: Record<string, string>): Refusal {
    this.#parts.metrics.limited(bound);
    this.#parts.noisyTenants.refused(tenant, bound);
    const retryAfter = Math.max(1, Math.ceil(retryMs / 1_000));
    return new Refusal(
      problemOf("rate-limited", `${BOUNDS[bound]} Nothing in this request was accepted.`, { retryAfter }),
      headers,
    );
  }
}

type TenantBuckets = Record<"notifications" | "bytes", Bucket>;

export type Bound = keyof typeof BOUNDS;

const BOUNDS = {
  tenant: "Your tenant publishes too many notifications.",
  publisher: "You publish too many notifications.",
  "tenant-bytes": "Your tenant publishes too many bytes.",
  requests: "Your tenant has too many requests in progress.",
  bytes: "Your tenant has too many bytes in progress.",
} as const;
