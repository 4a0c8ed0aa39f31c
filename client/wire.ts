/** What client and server say to each other, as PROTOCOL.md has it. This library imports nothing: others install it. */

/** Opaque, and ordered: of two cursors of one client, the later one is the greater string (R3). */
export type Cursor = string;

/** R15. */
export interface Notification {
  type: "notification";
  id: string;
  cursor: Cursor;
  /** When the platform accepted it; ISO 8601. */
  publishedAt: string;
  event?: string;
  /** W3C Trace Context, where the publisher sent one. */
  traceparent?: string;
  data: unknown;
}

/** R30. */
export interface Close {
  code: number;
  reason: string;
  reconnect: "now" | "token" | "no";
  /** Seconds to wait before it. */
  retryAfter?: number;
}

/** R10 to R14. */
export type ServerFrame =
  | { type: "connected"; cursor: Cursor; heartbeat: number }
  | Notification
  | { type: "notifications"; items: Notification[] }
  | { type: "live" }
  | { type: "replay_pending"; retryAfter: number }
  | { type: "refresh"; expiresIn: number }
  | ({ type: "closing" } & Close);

/** R20. */
export type ClientFrame = { type: "ack"; cursor: Cursor } | { type: "refresh"; token: string };

export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** How a connection ended, and what is to be done. */
export interface Ending {
  reason: string;
  /** `now` and `later` differ for people only: both back off. `other`: this transport cannot be opened here. `room`: once the handler has caught up. */
  reconnect: Close["reconnect"] | "later" | "other" | "room";
  /** Seconds, by the server. */
  retryAfter?: number;
}

/** What a transport is given for one connection. It resolves when that connection is over, and never rejects. */
export type Transport = (context: Context) => Promise<Ending>;

export interface Context {
  base: URL;
  token: string;
  cursor: Cursor | undefined;
  /** Aborted by close(). */
  signal: AbortSignal;
  timers: Timers;
  /** Everything that the server says. */
  hear(frame: ServerFrame): void;
  /** How notifications that were handled are acknowledged while this connection is open; undefined for no longer. */
  acknowledgeBy(send: ((cursor: Cursor) => void | Promise<void>) | undefined): void;
  /** Everything up to here was handled. */
  handled(): Cursor | undefined;
  /** Resolves while little waits for the handler: a transport that can stop reading waits for it. */
  room(): Promise<void>;
  /** True where too much waits: a transport that cannot stop reading ends, and comes back for the rest. */
  overfull(): boolean;
  /** Resolves with the cursor once everything was handled, and the cursor was saved. */
  settled(): Promise<Cursor | undefined>;
  /** Another token, or undefined where there is only the one, or none can be had now. Never rejects. */
  newToken(): Promise<string | undefined>;
}
