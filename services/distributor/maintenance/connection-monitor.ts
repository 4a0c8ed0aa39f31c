import { Closes } from "@saasaparilla/shared/protocol/close-codes.ts";
import { LEEWAY_SECONDS } from "@saasaparilla/shared/auth/identity.ts";
import type { Peer } from "#sessions/connection.ts";
import type { Peers } from "#sessions/hub.ts";
import type { DistributorSettings } from "#settings.ts";

const TICK_MS = 1_000;
/** A client is told so long before its token expires. */
const REFRESH_SECONDS = 60;

/** Once a second, for a part of the connections: heartbeats of SSE, tokens that expire, access that was withdrawn, outboxes that do not move. */
export function keepUp(
  peers: Peers,
  settings: Pick<DistributorSettings, "HEARTBEAT_MS" | "STUCK_MS">,
  mayStay: (peer: Peer) => boolean,
): () => void {
  const parts = Math.max(1, Math.round(settings.HEARTBEAT_MS / TICK_MS));
  const seen = new WeakMap<Peer, { moved: number; at: number }>();
  let part = 0;

  function stuck(peer: Peer): boolean {
    const { outbox } = peer.wire;
    const before = seen.get(peer);
    if (before && outbox.congested && outbox.moved === before.moved)
      return performance.now() - before.at > settings.STUCK_MS;
    seen.set(peer, { moved: outbox.moved, at: performance.now() });
    return false;
  }

  /** A long poll brings its token with each request. */
  function refresh(peer: Peer): void {
    const expiresIn = Math.floor(peer.identity.expires - Date.now() / 1_000);
    if (expiresIn > REFRESH_SECONDS || peer.wire.transport === "poll" || peer.askedToRenew === peer.identity) return;
    peer.askedToRenew = peer.identity;
    peer.wire.tell({ type: "refresh", expiresIn });
  }

  const timer = setInterval(() => {
    part = (part + 1) % parts;
    for (const peer of peers.all()) {
      if (peer.session.id % parts !== part) continue;
      if (peer.identity.expires + LEEWAY_SECONDS < Date.now() / 1_000) peers.end(peer, Closes.tokenExpired);
      else if (!mayStay(peer)) peers.end(peer, Closes.withdrawn);
      else if (peer.wire.transport !== "poll" && stuck(peer)) peers.end(peer, Closes.slow);
      else {
        refresh(peer);
        peer.wire.heartbeat?.();
      }
    }
  }, TICK_MS);
  return () => clearInterval(timer);
}
