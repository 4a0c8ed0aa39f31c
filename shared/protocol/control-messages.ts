import { Failure } from "#runtime/errors.ts";
import type { ClientKey, Sequence } from "./notification.ts";

/** What distributors and directors say to each other beside notifications and acknowledgements. See docs/internals/handover.md. */

/** One connection, as both sides name it. */
export interface ConnectionId {
  slot: number;
  /** The running distributor that owns the slot; random 48 bits. */
  incarnation: number;
  /** Unique in the incarnation; its count begins anywhere. */
  session: number;
}

/** Distributor to director, on the control partition of the client; and the director's own claim. */
export type ControlMessage =
  | { type: "claim"; director: string }
  /** What is stored up to `sent` was written to the connection: please hold. What is up to `acked` the client has for certain. */
  | ({ type: "prepare"; key: ClientKey; sent: Sequence; acked: Sequence; acknowledges: boolean } & ConnectionId)
  /** Nothing was found under the hold either: live from here. */
  | ({ type: "commit"; key: ClientKey; generation: number; hold: number; sent: Sequence } & ConnectionId)
  /** More is stored than one page: let the others go on meanwhile, and store what was held. */
  | ({ type: "release"; key: ClientKey; generation: number; hold: number } & ConnectionId)
  | ({ type: "refuse"; key: ClientKey; generation: number; reason: RefusalReason } & ConnectionId)
  | ({ type: "close"; key: ClientKey } & ConnectionId);

/** `unknown`: no such connection here. `gap`: `prev` is not what was sent last. `slow`: its outbox is full. `replaying`: it reads stored ones again. */
export type RefusalReason = "unknown" | "gap" | "slow" | "replaying";

/** Director to distributor, on the slot. Fenced by incarnation, and by the generation for the partition. */
export type RoutedMessage = { partition: number; generation: number; incarnation: number } &
  /**
   * New notifications are held. `stored`: nothing after it is stored, so whoever is there or beyond need not read; absent where that is not known.
   * `queued`: the last notification that is sent as soon as the hold is over; absent where there is none.
   */
  (
    | { type: "held"; session: number; hold: number; stored?: Sequence; queued?: Sequence }
    /** Replay, and prepare again; where `resume` is given, from there, for the cursor was none of this topic's. */
    | { type: "demoted"; session: number; reason: string; resume?: Sequence }
    /** A director without a lane for this client asks this connection to prepare. */
    | { type: "invite"; key: ClientKey; session: number }
  );

type Fields = Record<string, "string" | "number" | "boolean">;
/** By type of signal, the members that it must have. */
type Forms = Map<unknown, [name: string, type: string][]>;

function formsOf<Type extends string>(fields: Record<Type, Fields>): Forms {
  return new Map(Object.entries<Fields>(fields).map(([type, members]) => [type, Object.entries(members)]));
}

const CONNECTION: Fields = { key: "string", slot: "number", incarnation: "number", session: "number" };
const CONTROL = formsOf<ControlMessage["type"]>({
  claim: { director: "string" },
  prepare: { ...CONNECTION, sent: "string", acked: "string", acknowledges: "boolean" },
  commit: { ...CONNECTION, generation: "number", hold: "number", sent: "string" },
  release: { ...CONNECTION, generation: "number", hold: "number" },
  refuse: { ...CONNECTION, generation: "number", reason: "string" },
  close: CONNECTION,
});
const ADDRESS: Fields = { partition: "number", generation: "number", incarnation: "number", session: "number" };
const ROUTED = formsOf<RoutedMessage["type"]>({
  held: { ...ADDRESS, hold: "number" },
  demoted: { ...ADDRESS, reason: "string" },
  invite: { ...ADDRESS, key: "string" },
});

export function asControl(value: unknown): ControlMessage {
  return asSignal<ControlMessage>(value, CONTROL);
}

export function asRouted(value: unknown): RoutedMessage {
  return asSignal<RoutedMessage>(value, ROUTED);
}

/** Both ends are ours: what an older process does not know of a newer one it rejects, and never stumbles on. */
function asSignal<T>(value: unknown, forms: Forms): T {
  const signal = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  if (forms.get(signal.type)?.every(([name, type]) => typeof signal[name] === type)) return value as T;
  throw new Failure("reject", `The signal ${JSON.stringify(value)?.slice(0, 80)} is of no known form.`);
}
