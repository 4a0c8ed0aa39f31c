import { ackBody, clientFrame } from "@saasaparilla/shared/protocol/client-frames.ts";
import { inboxFrame } from "@saasaparilla/shared/protocol/inbox.ts";
import { z } from "zod";

/** The frames of the streams, as the documents describe them. A test checks real frames against these schemas. */
const cursor = z
  .string()
  .meta({ description: "Opaque. Of two cursors of one client, the later one is the greater string (R3)." });

const notification = z
  .object({
    type: z.literal("notification"),
    id: z.uuid(),
    cursor,
    publishedAt: z.iso.datetime(),
    event: z.string().optional(),
    traceparent: z.string().optional().meta({ description: "W3C Trace Context." }),
    collapse: z.string().optional().meta({ description: "It replaced those with the same key that waited (R60)." }),
    headers: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .optional()
      .meta({ description: "As the publisher sent them." }),
    data: z.unknown().meta({ description: "What the publisher sent, byte for byte." }),
  })
  .meta({ id: "Notification", description: "One notification (R15)." });

const close = {
  code: z.int().meta({ description: "The code of the WebSocket's close frame (R30)." }),
  reason: z.string(),
  reconnect: z.enum(["now", "token", "no"]),
  retryAfter: z.int().optional().meta({ description: "Seconds to wait before reconnecting (R31)." }),
};

const retract = z
  .object({
    type: z.literal("retract"),
    id: z.uuid(),
    cursor,
    collapse: z.string().meta({ description: "Everything before it with this key is taken back." }),
  })
  .meta({ id: "Retract", description: "Only with `retract=true` at connect (R61)." });

const inbox = inboxFrame.meta({
  id: "Inbox",
  description: "The client's inbox changed. It has no cursor, is never stored, and may be lost (R85).",
});

export const pollAnswer = z
  .object({
    notifications: z.array(z.union([notification, retract])),
    cursor,
    inbox: z.array(inbox).optional().meta({ description: "Changes of the inbox since the last answer (R85)." }),
    closing: z.object(close).meta({ id: "Close" }).optional(),
  })
  .meta({
    id: "PollAnswer",
    description: "The available notifications in order, and the cursor for the next poll (R7).",
  });

export const ticketAnswer = z
  .object({ ticket: z.string(), expiresIn: z.int().meta({ description: "Seconds." }) })
  .meta({ id: "Ticket", description: "Opens one stream, once (R47)." });

/** By their names in the AsyncAPI document. */
export const serverFrames = {
  Connected: z
    .object({
      type: z.literal("connected"),
      cursor,
      heartbeat: z.number().meta({ description: "Seconds (R42)." }),
      limits: z.object({ frameBytes: z.int() }),
      ping: z.literal(true).meta({ description: "The server answers `ping` (R49)." }),
    })
    .meta({ description: "The position where the connection resumes (R10, R11)." }),
  Live: z
    .object({ type: z.literal("live") })
    .meta({ description: "All stored notifications have been sent. The following ones are newer (R12)." }),
  ReplayPending: z
    .object({ type: z.literal("replay_pending"), retryAfter: z.int() })
    .meta({ description: "Stored notifications cannot be read at the moment (R13)." }),
  TokenExpires: z
    .object({ type: z.literal("refresh"), expiresIn: z.int() })
    .meta({ description: "The token expires in this number of seconds (R14)." }),
  Notification: notification,
  Retract: retract,
  Inbox: inbox,
  Closing: z
    .object({ type: z.literal("closing"), ...close })
    .meta({ description: "The last message before the server ends the connection (R17)." }),
} as const;

/** Only on a WebSocket. */
export const batchFrame = z
  .object({ type: z.literal("notifications"), items: z.array(notification).min(1) })
  .meta({ description: "Several notifications, in order (R16)." });

/** Only on a WebSocket. */
export const pongFrame = z.object({ type: z.literal("pong") }).meta({ description: "The answer to `ping` (R49)." });

const [ack, refresh, ping] = clientFrame.options;

export const clientFrames = {
  Ack: ack.meta({ description: "The client handled everything up to the cursor (R21)." }),
  Refresh: refresh.meta({ description: "A new token of the same client (R20)." }),
  Ping: ping.meta({ description: "Asks the server for a `pong` (R49)." }),
} as const;

export const acknowledgement = ackBody.meta({
  id: "Acknowledgement",
  description: "The client handled everything up to the cursor (R22).",
});
