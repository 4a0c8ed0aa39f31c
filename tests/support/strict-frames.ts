import { z } from "zod";

/** Each frame of the protocol, without members that PROTOCOL.md does not name. */
const cursor = z.string().regex(/^[0-9a-f]{25}$/);
const notification = z.strictObject({
  type: z.literal("notification"),
  id: z.uuid(),
  cursor,
  publishedAt: z.iso.datetime({ precision: 3 }),
  event: z.string().min(1).optional(),
  traceparent: z.string().min(1).optional(),
  collapse: z.string().min(1).optional(),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  data: z.unknown().refine((data) => data !== undefined, "there is no data"),
});
const retract = z.strictObject({ type: z.literal("retract"), id: z.uuid(), cursor, collapse: z.string().min(1) });
const connected = z.strictObject({
  type: z.literal("connected"),
  cursor,
  heartbeat: z.number().positive(),
  limits: z.strictObject({ frameBytes: z.int().positive() }),
  ping: z.literal(true),
});
const closing = {
  code: z.int(),
  reason: z.string(),
  reconnect: z.enum(["now", "token", "no"]),
  retryAfter: z.number().nonnegative().optional(),
};
const marked = {
  type: z.literal("inbox"),
  mark: z.enum(["seen", "read", "archived"]),
  unread: z.int().nonnegative(),
  unseen: z.int().nonnegative(),
};
const inbox = z.union([
  z.strictObject({ ...marked, ids: z.array(z.uuid()).min(1) }),
  z.strictObject({ ...marked, upTo: cursor }),
  z.strictObject({ type: z.literal("inbox"), reload: z.literal(true) }),
]);
const others = z.discriminatedUnion("type", [
  notification,
  retract,
  z.strictObject({ type: z.literal("notifications"), items: z.array(notification).min(2) }),
  connected,
  z.strictObject({ type: z.literal("live") }),
  z.strictObject({ type: z.literal("pong") }),
  z.strictObject({ type: z.literal("replay_pending"), retryAfter: z.number().positive() }),
  z.strictObject({ type: z.literal("refresh"), expiresIn: z.int() }),
  z.strictObject({ type: z.literal("closing"), ...closing }),
]);
export const frame = z.union([others, inbox]);
export const answer = z.strictObject({
  notifications: z.array(z.discriminatedUnion("type", [notification, retract])),
  cursor,
  inbox: z.array(inbox).min(1).optional(),
  closing: z.strictObject(closing).optional(),
});

export type Notification = z.output<typeof notification>;
export type Retract = z.output<typeof retract>;
export type Frame = z.output<typeof frame> & { raw: string };
