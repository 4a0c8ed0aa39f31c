import type { z } from "zod";
import { Policies } from "#auth/policies/policies.ts";
import { RowRefresh } from "#postgres/row-refresh.ts";
import { PolicyStore } from "#auth/policies/store.ts";
import { KeyedLimiter } from "#rate-limits/keyed-limiter.ts";
import { AuditLog } from "./audit-log.ts";
import { Checks } from "./signature-checks.ts";
import { Guard } from "./guard.ts";
import type { Health } from "#runtime/health.ts";
import { Authenticator } from "./authenticator.ts";
import type { KafkaLink } from "#kafka/client.ts";
import type { Lifecycle } from "#runtime/lifecycle.ts";
import type { Log } from "#runtime/log.ts";
import { meters, type Registry } from "#runtime/metrics.ts";
import { Cors } from "#http/allowed-origins.ts";
import { Networks } from "#http/networks.ts";
import type { Postgres } from "#postgres/client.ts";
import { PlatformFormat } from "#postgres/platform-format.ts";
import type { commonSettings } from "#settings.ts";
import type { identitySettings } from "./settings.ts";
import type { Redis } from "#redis/client.ts";
import { Keys } from "#redis/keys.ts";
import { RelayTickets } from "./relay-tickets.ts";
import { SealedSecrets } from "#auth/tokens/sealed-secrets.ts";
import { topicsOf } from "#kafka/topic-names.ts";
import { Waiters } from "./pending-callers.ts";

export interface AccessControlParts {
  service: string;
  settings: z.output<typeof identitySettings> &
    Pick<
      z.output<typeof commonSettings>,
      "NAMESPACE" | "REFUSED_RATE" | "REFUSED_BURST" | "ADDRESS_CHECKS" | "ALLOWED_ORIGINS"
    >;
  postgres: Postgres;
  link: KafkaLink;
  lifecycle: Lifecycle;
  health: Health;
  registry: Registry;
  log: Log;
  /** A service that takes requests from the console has it. */
  redis?: Redis;
}

export interface AccessControl {
  policies: Policies;
  policyStore: PolicyStore;
  policyRefresh: RowRefresh;
  authenticator: Authenticator;
  guard: Guard;
  format: PlatformFormat;
}

/**
 * Access control, the same at every service: policies and the platform's format from Postgres, kept in memory, and the
 * audit log. All close before `postgres` does.
 */
export async function openAccessControl(parts: AccessControlParts): Promise<AccessControl> {
  const { service, settings, postgres, link, lifecycle, health, registry, log } = parts;
  const policies = new Policies();
  const keysFailed = meters(registry).tally(
    "issuer_keys_failures_total",
    "Failed refreshes of an issuer's keys. The last known keys stay in use.",
  );
  const keyUnknown = meters(registry).tally(
    "tokens_key_unknown_total",
    "Tokens answered 503 because their key is unknown and the issuer's keys cannot be fetched again yet.",
  );
  const keySkipped = meters(registry).counter(
    "issuer_keys_skipped_total",
    "Unusable keys of issuers, by reason. Counted at each read of a changed set.",
    "defect",
  );
  const waitRefused = meters(registry).counter(
    "identity_waits_refused_total",
    "Requests refused because too many wait for their tokens to be checked, by bound: all, issuer (503), address (429).",
    "bound",
  );
  const limits = { all: settings.MAX_WAITERS, issuer: settings.ISSUER_WAITERS, address: settings.ADDRESS_WAITERS };
  const waiters = new Waiters(limits, (bound) => waitRefused.inc({ bound }));
  meters(registry).gauge("identity_waiters", "Requests whose tokens are being checked.", () => waiters.size);
  const overLimit = meters(registry).counter(
    "address_over_limit_requests_total",
    "Requests from addresses over REFUSED_RATE, by outcome: passed or turned_away (429).",
    "outcome",
  );
  const authenticator = await Authenticator.from(settings, policies, {
    waiters,
    skipped(issuer, { kid, defect, why }) {
      keySkipped.inc({ defect });
      log.warn({ issuer, kid, defect }, `skipped a key of an issuer: it ${why}`);
    },
    failed(issuer, error) {
      keysFailed();
      log.warn({ issuer, err: error }, "could not refresh the keys of an issuer: the last known keys stay in use");
    },
  });
  const policyStore = new PolicyStore(postgres, settings.NAMESPACE);
  const policyRefresh = new RowRefresh({
    name: "access",
    what: "policies",
    cache: policies,
    store: policyStore,
    everyMs: settings.ACCESS_REFRESH_MS,
    health,
    registry,
    log,
  });
  lifecycle.onEnd("access", () => policyRefresh.end());
  const format = new PlatformFormat({
    postgres,
    namespace: settings.NAMESPACE,
    service,
    everyMs: settings.ACCESS_REFRESH_MS,
    registry,
    log,
  });
  lifecycle.onEnd("format", () => format.end());
  const topic = topicsOf(settings.NAMESPACE).audit;
  const audit = new AuditLog({ service, link, topic, maxBytes: settings.AUDIT_MAX_BYTES, health, registry, log });
  lifecycle.onEnd("audit", () => audit.close());
  const cors = new Cors(settings.ALLOWED_ORIGINS);
  cors.follow(policies);
  const operatorNetworks = settings.OPERATOR_NETWORKS;
  const strangers = new KeyedLimiter({ rate: settings.REFUSED_RATE, burst: settings.REFUSED_BURST });
  policyRefresh.start();
  format.start();
  audit.start().catch((error: unknown) => lifecycle.fatal(error));
  const tickets =
    parts.redis && new RelayTickets(parts.redis, new Keys(settings.NAMESPACE), new SealedSecrets(settings.SECRETS_KEY));
  return {
    policies,
    policyStore,
    policyRefresh,
    authenticator,
    format,
    guard: new Guard({
      authenticator,
      audit,
      cors,
      strangers,
      checks: new Checks(settings.ADDRESS_CHECKS),
      overLimit: (outcome) => overLimit.inc({ outcome }),
      keyUnknown,
      operatorNetworks: operatorNetworks.length > 0 ? new Networks(operatorNetworks) : undefined,
      relayed: tickets && ((ticket) => tickets.take(ticket, service)),
      log,
    }),
  };
}
