import { z } from "zod";
import { CURSOR_LENGTH } from "./notification.ts";

/** Marks of an item, in their order: a mark never falls. */
export const MARKS = ["seen", "read", "archived"] as const;
export type Mark = (typeof MARKS)[number];

/** The most ids in one request. */
const MOST_MARKED = 1_000;

const mark = z.enum(MARKS);
const ids = z.array(z.uuid()).min(1).max(MOST_MARKED);
const upTo = z.string().max(CURSOR_LENGTH);
const counts = { unread: z.int(), unseen: z.int() };

/**
 * R85: tells the live connections of a client about a change of its inbox. It is never stored and may be lost. `reload`:
 * read the list again.
 */
export const inboxFrame = z.union([
  z.object({ type: z.literal("inbox"), mark, ids, ...counts }),
  z.object({ type: z.literal("inbox"), mark, upTo, ...counts }),
  z.object({ type: z.literal("inbox"), reload: z.literal(true) }),
]);

export type InboxFrame = z.output<typeof inboxFrame>;

export const RELOAD: InboxFrame = { type: "inbox", reload: true };

/** A longer frame becomes `reload`. */
const FRAME_BYTES = 16 * 1024;

export function boundedFrame(frame: InboxFrame): InboxFrame {
  return JSON.stringify(frame).length > FRAME_BYTES ? RELOAD : frame;
}

/** Frames that wait together have the same bound as one. */
export function boundedFrames(frames: readonly InboxFrame[]): readonly InboxFrame[] {
  return JSON.stringify(frames).length > FRAME_BYTES ? [RELOAD] : frames;
}

/** Body of POST /v1/inbox/marks (R82). */
export const marksBody = z.union([z.strictObject({ ids, mark }), z.strictObject({ upTo, mark })]);
