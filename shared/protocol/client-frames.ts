import { z } from "zod";
import type { Close } from "./close-codes.ts";
import type { InboxFrame } from "./inbox.ts";
import type { Cursor } from "./notification.ts";

/** Frames that a client may send on a WebSocket (R20). */
export const clientFrame = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ack"), cursor: z.string().max(64) }),
  z.strictObject({ type: z.literal("refresh"), token: z.string().max(8_192) }),
  z.strictObject({ type: z.literal("ping") }),
]);

/** The longest frame of a client (R10). */
export const CLIENT_FRAME_BYTES = 16 * 1024;

export type ClientFrame = z.output<typeof clientFrame>;

/** Body of POST /v1/acks (R22). */
export const ackBody = z.strictObject({ cursor: z.string().max(64) });

/** Frames to a client other than notifications (R10 to R14). */
export type ServerFrame =
  | { type: "connected"; cursor: Cursor; heartbeat: number; limits: { frameBytes: number }; ping: true }
  | { type: "pong" }
  | { type: "live" }
  | { type: "replay_pending"; retryAfter: number }
  | { type: "refresh"; expiresIn: number }
  | InboxFrame
  | ({ type: "closing" } & Close);

/** The WebSocket subprotocol, and the prefix of a browser's second one: the token follows. */
export const SUBPROTOCOL = "notifications.v1.json";
export const TOKEN_SUBPROTOCOL = "bearer.";
