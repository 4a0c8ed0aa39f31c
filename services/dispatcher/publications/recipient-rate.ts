import type { LimitsOf, TenantLimits } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { RateLimitPolicy } from "@saasaparilla/shared/rate-limits/rate-limit-policy.ts";
import type { RedisRateLimiter } from "@saasaparilla/shared/rate-limits/redis-rate-limiter.ts";
import type { Keys } from "@saasaparilla/shared/redis/keys.ts";

/** Tenants with a stored policy. Above it, the policy is built again for each page. */
const MOST_TENANTS = 1_000;

/** Charges recipients to the rates of their tenant, which a receiver counts too. */
export class RecipientRate {
  readonly #rateLimiter: Pick<RedisRateLimiter, "take">;
  readonly #keys: Keys;
  readonly #limitsOf: LimitsOf;
  readonly #policies = new Map<string, { limits: TenantLimits; policy: RateLimitPolicy }>();

  constructor(rateLimiter: Pick<RedisRateLimiter, "take">, keys: Keys, limitsOf: LimitsOf) {
    this.#rateLimiter = rateLimiter;
    this.#keys = keys;
    this.#limitsOf = limitsOf;
  }

  /** 0 if they were taken, or the ms after which they may be. `bytes`: of one notification's data. */
  async charge(tenant: string, notifications: number, bytes: number): Promise<number> {
    const { refused } = await this.#rateLimiter.take(this.#policyOf(tenant), notifications, notifications * bytes);
    return refused ? Math.max(1, Math.ceil(refused.retryMs)) : 0;
  }

  #policyOf(tenant: string): RateLimitPolicy {
    const limits = this.#limitsOf(tenant);
    const known = this.#policies.get(tenant);
    if (known?.limits === limits) return known.policy;
    const { publishRate, publishBurst, publishByteRate, publishByteBurst } = limits;
    const policy = new RateLimitPolicy([
      { key: this.#keys.rate(tenant, "tenant"), policy: "tenant", rate: { rate: publishRate, burst: publishBurst } },
      {
        key: this.#keys.rate(tenant, "tenant-bytes"),
        policy: "tenant-bytes",
        unit: "bytes",
        rate: { rate: publishByteRate, burst: publishByteBurst },
      },
    ]);
    this.#policies.set(tenant, { limits, policy });
    if (this.#policies.size > MOST_TENANTS) this.#policies.delete(this.#policies.keys().next().value!);
    return policy;
  }
}
