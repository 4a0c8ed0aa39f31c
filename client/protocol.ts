import type { Cursor, Mark, Notification, Reason, Retract, ReasonCode, Timers } from "./api.ts";

/** The messages between client and server, as in PROTOCOL.md. This library imports nothing: others install it. */

/** R30. */
export interface Close {
  code: number;
  reason: string;
  reconnect: "now" | "token" | "no";
  /** Seconds to wait before it. */
  retryAfter?: number;
}

/** It has a place in the order, and is handled. */
export type Item = Notification | Retract;

/** A mark of another device, or a reason to load the list again. It has no cursor. */
export interface InboxFrame {
  type: "inbox";
  reload?: boolean;
  mark?: Mark;
  ids?: string[];
  upTo?: Cursor;
  unread?: number;
  unseen?: number;
}

/** R10 to R14, R49, R61. */
export type ServerFrame =
  | { type: "connected"; cursor: Cursor; heartbeat: number; ping?: boolean }
  | Item
  | { type: "notifications"; items: Notification[] }
  | { type: "live" }
  | InboxFrame
  | { type: "pong" }
  | { type: "replay_pending"; retryAfter: number }
  | { type: "refresh"; expiresIn: number }
  | ({ type: "closing" } & Close);

/** R20, R49. */
export type ClientFrame = { type: "ack"; cursor: Cursor } | { type: "refresh"; token: string } | { type: "ping" };

/** How a connection ended, and the next step. */
export interface Ending {
  reason: Reason;
  /**
   * `now` and `later` differ for people only: both back off. `again`: at once. `other`: this transport cannot be opened
   * here. `url`: no server of ours answered. `room`: once the handler has caught up.
   */
  reconnect: Close["reconnect"] | "later" | "again" | "other" | "url" | "room";
  /** Seconds, by the server. */
  retryAfter?: number | undefined;
  error?: unknown;
}

export const ending = (
  code: ReasonCode,
  text: string,
  reconnect: Ending["reconnect"] = "later",
  more: Pick<Ending, "retryAfter" | "error"> = {},
): Ending => ({ reason: { code, text }, reconnect, ...more });

/** A transport gets the context of one connection. It resolves when that connection is over, and never rejects. */
export type Transport = (context: Context) => Promise<Ending>;

/** Who sends a request, to where, and until when. */
export interface Caller {
  base: Base;
  token: string;
  /** Aborted by close() and reconnect(). */
  signal: AbortSignal;
  timers: Timers;
}

export interface Context extends Caller {
  cursor: Cursor | undefined;
  /** A further part of the query: `&retract=true`, or nothing (R61). */
  asks: string;
  /** Takes every frame of the server. Throws if it is not a frame of the protocol. */
  hear(frame: ServerFrame): void;
  /** Sets how handled notifications are acknowledged while this connection is open; undefined ends that. */
  acknowledgeBy(send: ((cursor: Cursor) => void | Promise<void>) | undefined): void;
  /** Sets the check of the connection that runs when the page or the network comes back. */
  probeBy(probe: (() => void) | undefined): void;
  /** Resolves while few notifications wait for the handler: a transport that can stop reading waits for it. */
  room(): Promise<void>;
  /** True if too many wait: a transport that cannot stop reading ends, and reconnects for the rest. */
  overfull(): boolean;
  /** Resolves with the cursor once everything was handled, and the cursor was saved. */
  settled(): Promise<Cursor | undefined>;
  /** Another token, or undefined if there is only one, or none is available now. Never rejects. */
  newToken(): Promise<string | undefined>;
}

/** The server's address, in parts: React Native's URL has no setters. */
export interface Base {
  /** Without a path, query or credentials. */
  origin: string;
  path: string;
  query: string | undefined;
}
