import type { Cursor, Notification, Reason, ReasonCode, Timers } from "./api.ts";

/** What client and server say to each other, as PROTOCOL.md has it. This library imports nothing: others install it. */

/** R30. */
export interface Close {
  code: number;
  reason: string;
  reconnect: "now" | "token" | "no";
  /** Seconds to wait before it. */
  retryAfter?: number;
}

/** R10 to R14, R49. */
export type ServerFrame =
  | { type: "connected"; cursor: Cursor; heartbeat: number; ping?: boolean }
  | Notification
  | { type: "notifications"; items: Notification[] }
  | { type: "live" }
  | { type: "pong" }
  | { type: "replay_pending"; retryAfter: number }
  | { type: "refresh"; expiresIn: number }
  | ({ type: "closing" } & Close);

/** R20, R49. */
export type ClientFrame = { type: "ack"; cursor: Cursor } | { type: "refresh"; token: string } | { type: "ping" };

/** How a connection ended, and what is to be done. */
export interface Ending {
  reason: Reason;
  /**
   * `now` and `later` differ for people only: both back off. `again`: at once. `other`: this transport cannot be opened here.
   * `url`: no server of ours answered. `room`: once the handler has caught up.
   */
  reconnect: Close["reconnect"] | "later" | "again" | "other" | "url" | "room";
  /** Seconds, by the server. */
  retryAfter?: number;
  error?: unknown;
}

export const ending = (
  code: ReasonCode,
  text: string,
  reconnect: Ending["reconnect"] = "later",
  more: Pick<Ending, "retryAfter" | "error"> = {},
): Ending => ({ reason: { code, text }, reconnect, ...more });

/** What a transport is given for one connection. It resolves when that connection is over, and never rejects. */
export type Transport = (context: Context) => Promise<Ending>;

export interface Context {
  base: Base;
  token: string;
  cursor: Cursor | undefined;
  /** Aborted by close() and reconnect(). */
  signal: AbortSignal;
  timers: Timers;
  /** Everything that the server says. Throws at what is no frame of the protocol. */
  hear(frame: ServerFrame): void;
  /** How notifications that were handled are acknowledged while this connection is open; undefined for no longer. */
  acknowledgeBy(send: ((cursor: Cursor) => void | Promise<void>) | undefined): void;
  /** What to do when the page or the network comes back: find out whether the connection is still there. */
  probeBy(probe: (() => void) | undefined): void;
  /** Resolves while little waits for the handler: a transport that can stop reading waits for it. */
  room(): Promise<void>;
  /** True where too much waits: a transport that cannot stop reading ends, and comes back for the rest. */
  overfull(): boolean;
  /** Resolves with the cursor once everything was handled, and the cursor was saved. */
  settled(): Promise<Cursor | undefined>;
  /** Another token, or undefined where there is only the one, or none can be had now. Never rejects. */
  newToken(): Promise<string | undefined>;
}

/** The server's address, in parts: React Native's URL has no setters. */
export interface Base {
  /** Without a path, query or credentials. */
  origin: string;
  path: string;
  query: string | undefined;
}
