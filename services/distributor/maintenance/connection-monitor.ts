import { CloseCodes } from "@saasaparilla/shared/protocol/close-codes.ts";
import { LEEWAY_SECONDS } from "@saasaparilla/shared/auth/identity.ts";
import type { Connection } from "#sessions/connection.ts";
import type { Hub } from "#sessions/hub.ts";
import type { DistributorSettings } from "#settings.ts";

const TICK_MS = 1_000;
/** The client learns this long before its token expires. */
const REFRESH_SECONDS = 60;

/**
 * Checks a part of the connections each second: SSE heartbeats, expiring tokens, withdrawn access and stuck outboxes.
 */
export function monitorConnections(
  hub: Hub,
  settings: Pick<DistributorSettings, "HEARTBEAT_MS" | "STUCK_MS">,
  mayStay: (connection: Connection) => boolean,
): () => void {
  const parts = Math.max(1, Math.round(settings.HEARTBEAT_MS / TICK_MS));
  const seen = new WeakMap<Connection, { moved: number; at: number }>();
  let part = 0;

  function stuck(connection: Connection): boolean {
    const { outbox } = connection.wire;
    const before = seen.get(connection);
    if (before && outbox.congested && outbox.moved === before.moved)
      return performance.now() - before.at > settings.STUCK_MS;
    seen.set(connection, { moved: outbox.moved, at: performance.now() });
    return false;
  }

  /** A long poll is excluded: each request brings its token. */
  function refresh(connection: Connection): void {
    const expiresIn = Math.floor(connection.identity.expires - Date.now() / 1_000);
    if (
      expiresIn > REFRESH_SECONDS ||
      connection.wire.transport === "poll" ||
      connection.askedToRenew === connection.identity
    )
      return;
    connection.askedToRenew = connection.identity;
    connection.wire.tell({ type: "refresh", expiresIn });
  }

  const timer = setInterval(() => {
    part = (part + 1) % parts;
    for (const connection of hub.all()) {
      if (connection.session.id % parts !== part) continue;
      if (connection.identity.expires + LEEWAY_SECONDS < Date.now() / 1_000)
        hub.end(connection, CloseCodes.tokenExpired);
      else if (!mayStay(connection)) hub.end(connection, CloseCodes.withdrawn);
      else if (connection.wire.transport !== "poll" && stuck(connection)) hub.end(connection, CloseCodes.slow);
      else {
        refresh(connection);
        connection.wire.heartbeat?.();
      }
    }
  }, TICK_MS);
  return () => clearInterval(timer);
}
