import type { Health } from "#runtime/health.ts";
import type { Lifecycle } from "#runtime/lifecycle.ts";
import type { Log } from "#runtime/log.ts";
import type { Registry } from "#runtime/metrics.ts";
import type { Postgres } from "#postgres/client.ts";
import { RowRefresh } from "#postgres/row-refresh.ts";
import { DocumentCache } from "./document-cache.ts";
import { DocumentStore } from "./document-store.ts";

export interface DocumentParts {
  settings: { NAMESPACE: string; ACCESS_REFRESH_MS: number };
  postgres: Postgres;
  lifecycle: Lifecycle;
  /** With the component `documents`: up when they were read once. */
  health: Health;
  registry: Registry;
  log: Log;
}

/** The documents of all tenants in memory, refreshed as often as the policies. They close before `postgres` does. */
export function openDocuments({ settings, postgres, lifecycle, health, registry, log }: DocumentParts): DocumentCache {
  const cache = new DocumentCache();
  const refresh = new RowRefresh({
    name: "documents",
    what: "documents",
    cache,
    store: new DocumentStore(postgres, settings.NAMESPACE),
    everyMs: settings.ACCESS_REFRESH_MS,
    health,
    registry,
    log,
  });
  lifecycle.onEnd("documents", () => refresh.end());
  refresh.start();
  return cache;
}
