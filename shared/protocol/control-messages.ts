import { z } from "zod";
import { Failure } from "#runtime/errors.ts";
import { inboxFrame } from "./inbox.ts";

/**
 * Other messages of distributors and directors than notifications and acknowledgements. See docs/internals/handover.md.
 */

/** One connection, as both sides name it. */
const connection = {
  slot: z.number(),
  /** The running distributor that owns the slot; random 48 bits. */
  incarnation: z.number(),
  /** Unique in the incarnation; its count begins anywhere. */
  session: z.number(),
};

export type ConnectionId = z.output<z.ZodObject<typeof connection>>;

/** Its public name, in presence and in the timeline. */
export function connectionOf({ slot, incarnation, session }: ConnectionId): string {
  return `${slot}:${incarnation}:${session}`;
}

/**
 * `unknown`: no such connection here. `gap`: `prev` is not the sequence sent last. `slow`: its outbox is full.
 * `replaying`: it reads stored ones again.
 */
export type RefusalReason = "unknown" | "gap" | "slow" | "replaying";

const ofClient = { key: z.string(), ...connection };
/** Accepts any reason: a newer process may know further ones. */
const reason = z.string() as z.ZodType<RefusalReason>;

/** Distributor to director, on the control partition of the client; and the director's own claim. */
const controlMessage = z.discriminatedUnion("type", [
  z.object({ type: z.literal("claim"), director: z.string() }),
  /** The connection has the stored rows up to `sent`: hold now. The client has everything up to `acked` for certain. */
  z.object({
    type: z.literal("prepare"),
    ...ofClient,
    sent: z.string(),
    acked: z.string(),
    acknowledges: z.boolean(),
  }),
  /** The hold found no further rows either: live from here. */
  z.object({ type: z.literal("commit"), ...ofClient, generation: z.number(), hold: z.number(), sent: z.string() }),
  /** More is stored than one page. Release the hold, let other lanes continue, and store the held notifications. */
  z.object({ type: z.literal("release"), ...ofClient, generation: z.number(), hold: z.number() }),
  z.object({ type: z.literal("refuse"), ...ofClient, generation: z.number(), reason }),
  z.object({ type: z.literal("close"), ...ofClient }),
]);

export type ControlMessage = z.output<typeof controlMessage>;

/** Fenced by incarnation, and by the generation for the partition. */
const routed = { partition: z.number(), generation: z.number(), incarnation: z.number(), session: z.number() };

/** Director to distributor, on the slot. */
const routedMessage = z.discriminatedUnion("type", [
  /**
   * New notifications are held. `stored`: nothing after it is stored, so a session at or beyond it need not read. It is
   * absent if unknown. `queued`: the last notification that is sent as soon as the hold is over. It is absent if there
   * is none.
   */
  z.object({
    type: z.literal("held"),
    ...routed,
    hold: z.number(),
    stored: z.string().exactOptional(),
    queued: z.string().exactOptional(),
  }),
  /** Replay and prepare again. `resume`: start there, because the cursor does not belong to this topic. */
  z.object({ type: z.literal("demoted"), ...routed, reason: z.string(), resume: z.string().exactOptional() }),
  /** A director without a lane for this client asks this connection to prepare. */
  z.object({ type: z.literal("invite"), ...routed, key: z.string() }),
]);

export type RoutedMessage = z.output<typeof routedMessage>;

/**
 * Courier to distributor, on the slot: a frame for one connection. No partition sends it, so only the incarnation fences
 * it. Send it only if the platform's format is at least 3.
 */
const inboxMessage = z.object({ type: z.literal("inbox"), key: z.string(), ...connection, frame: inboxFrame });

export type InboxMessage = z.output<typeof inboxMessage>;

/**
 * Console to distributor, on the slot: an operator ends one connection. Only the incarnation fences it. Send it only if
 * the platform's format is at least 4.
 */
const disconnectMessage = z.object({ type: z.literal("disconnect"), key: z.string(), ...connection });

export type DisconnectMessage = z.output<typeof disconnectMessage>;

const slotMessage = z.union([routedMessage, inboxMessage, disconnectMessage]);

export function asControl(value: unknown): ControlMessage {
  return read(controlMessage, value);
}

export function asRouted(value: unknown): RoutedMessage | InboxMessage | DisconnectMessage {
  return read(slotMessage, value);
}

/** Both ends are ours. An older process rejects unknown messages of a newer one, and does not fail on them. */
function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const message = schema.safeParse(value);
  if (message.success) return message.data;
  throw new Failure("reject", `The signal ${JSON.stringify(value)?.slice(0, 80)} is of no known form.`);
}
