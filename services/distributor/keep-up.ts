import { Closes } from "@saasaparilla/shared/closes.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { DistributorSettings } from "./settings.ts";
import { SseWire } from "./sse.ts";

const TICK_MS = 1_000;

/** Once a second, for a part of the connections: heartbeats of SSE, tokens that expired, outboxes that do not move. */
export function keepUp(peers: Peers, settings: Pick<DistributorSettings, "HEARTBEAT_MS" | "STUCK_MS">): () => void {
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

  const timer = setInterval(() => {
    part = (part + 1) % parts;
    for (const peer of peers.all()) {
      if (peer.session.id % parts !== part) continue;
      if (peer.identity.expires * 1_000 < Date.now()) peers.end(peer, Closes.tokenExpired);
      else if (peer.wire.transport !== "poll" && stuck(peer)) peers.end(peer, Closes.slow);
      else if (peer.wire instanceof SseWire) peer.wire.heartbeat();
    }
  }, TICK_MS);
  return () => clearInterval(timer);
}
