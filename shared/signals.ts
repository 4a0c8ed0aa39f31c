import { Failure } from "./errors.ts";
import type { ClientKey, Sequence } from "./notification.ts";

/** What distributors and directors say to each other beside notifications and acknowledgements. See docs/handover.md. */

/** One connection, as both sides name it. */
export interface ConnectionId {
  slot: number;
  /** The running distributor that owns the slot; random 48 bits. */
  incarnation: number;
  /** Unique in the incarnation; its count begins anywhere. */
  session: number;
}

/** Distributor to director, on the control partition of the client; and the director's own claim. */
export type ControlSignal =
  | { type: "claim"; director: string }
  /** Replay found nothing more after `sent`: please hold. What is up to `acked` the client has for certain. */
  | ({ type: "prepare"; key: ClientKey; sent: Sequence; acked: Sequence; acknowledges: boolean } & ConnectionId)
  /** Nothing was found under the hold either: live from here. */
  | ({ type: "commit"; key: ClientKey; generation: number; hold: number; sent: Sequence } & ConnectionId)
  | ({ type: "refuse"; key: ClientKey; generation: number; reason: RefusalReason } & ConnectionId)
  | ({ type: "close"; key: ClientKey } & ConnectionId);

/** `unknown`: no such connection here. `gap`: `prev` is not what was sent last. `slow`: its outbox is full. `replaying`: it reads stored ones again. */
export type RefusalReason = "unknown" | "gap" | "slow" | "replaying";

/** Director to distributor, on the slot. Fenced by incarnation, and by the generation for the partition. */
export type RoutedSignal = { partition: number; generation: number; incarnation: number } &
  /** New notifications are held. */
  (
    | { type: "held"; session: number; hold: number }
    /** Replay, and prepare again; where `resume` is given, from there, for the cursor was none of this topic's. */
    | { type: "demoted"; session: number; reason: string; resume?: Sequence }
    /** A director without a lane for this client asks this connection to prepare. */
    | { type: "invite"; key: ClientKey; session: number }
  );

const CONTROL = new Set(["claim", "prepare", "commit", "refuse", "close"]);
const ROUTED = new Set(["held", "demoted", "invite"]);

export function asControl(value: unknown): ControlSignal {
  return asSignal<ControlSignal>(value, CONTROL);
}

export function asRouted(value: unknown): RoutedSignal {
  return asSignal<RoutedSignal>(value, ROUTED);
}

/** Both ends are ours: the type is checked, so that an older process rejects what a newer one invented. */
function asSignal<T>(value: unknown, types: ReadonlySet<string>): T {
  if (typeof value === "object" && value !== null && "type" in value && types.has(String(value.type)))
    return value as T;
  throw new Failure("reject", `The signal ${JSON.stringify(value)?.slice(0, 80)} is of no known type.`);
}
