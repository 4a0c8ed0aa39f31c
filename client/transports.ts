import { poll } from "./poll.ts";
import { sse } from "./sse.ts";
import { websocket } from "./websocket.ts";
import type { TransportName } from "./api.ts";
import type { Context, Ending, Transport } from "./protocol.ts";

const TRANSPORTS: Record<TransportName, Transport> = { websocket, sse, poll };
/** A transport that was refused this often is not tried again. A single refusal may be an accident. */
const REFUSALS = 2;

/** The current transport. In `auto` the next one is tried at once if one does not get through. */
export function choose(wanted: TransportName | "auto") {
  const all: TransportName[] = typeof WebSocket === "undefined" ? ["sse", "poll"] : ["websocket", "sse", "poll"];
  const order = wanted === "auto" ? all : [wanted];
  if (!TRANSPORTS[order[0]!]) throw new TypeError(`transport: ${wanted}`);
  const refused = order.map(() => 0);
  let at = 0;
  return {
    now: (): TransportName => order[at]!,
    open: (context: Context): Promise<Ending> => TRANSPORTS[order[at]!](context),
    worked(): void {
      refused[at] = 0;
    },
    /** In another network the first transport may get through. */
    forget(): void {
      refused.fill(0);
    },
    /** False if all were tried. */
    other(): boolean {
      refused[at]! += 1;
      at = (at + 1) % order.length;
      return at > 0;
    },
    /** After an end: the best transport that was not refused. */
    again(): void {
      const best = refused.findIndex((count) => count < REFUSALS);
      if (best >= 0) at = best;
    },
  };
}
