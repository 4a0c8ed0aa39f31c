/**
 * The public types. They import nothing and use no type of the DOM, so that every TypeScript from 4.9 on can read them.
 */

/** Opaque, and ordered: of two cursors of one client, the later one is the greater string (R3). */
export type Cursor = string;

/** R15. `T` is the type of the `data` that your publisher sends. It is not checked. */
export interface Notification<T = unknown> {
  type: "notification";
  id: string;
  cursor: Cursor;
  /** When the platform accepted it; ISO 8601. */
  publishedAt: string;
  event?: string;
  /** W3C Trace Context, if the publisher sent one. */
  traceparent?: string;
  /** The publisher's key. Of the waiting notifications with one key only the last one comes (R60). */
  collapse?: string;
  /** As the publisher sent them. */
  headers?: Record<string, string | number | boolean | null>;
  data: T;
}

/** R61. The notifications with this key that came before it are taken back. */
export interface Retract {
  type: "retract";
  /** The id of the retract itself. */
  id: string;
  cursor: Cursor;
  collapse: string;
}

export type TransportName = "websocket" | "sse" | "poll";

/**
 *   connect()                `connected`               `live`
 *   ---------> CONNECTING ----------------> REPLAYING --------> LIVE
 *                ^     |                      |                |
 *    a delay, or |     | not opened           |                | lost, or told to come back
 *    at once     |     v                      |                |
 *                +- WAITING <-----------------+----------------+
 *                      |
 *                      v
 *                   CLOSED  by close(), or because no further attempt can succeed
 */
export type State = "connecting" | "replaying" | "live" | "waiting" | "closed";

/** README.md explains each code. A later version can add codes. */
export type ReasonCode =
  | "closed"
  | "reconnect"
  | "token-invalid"
  | "token-failed"
  | "token-timeout"
  | "token-renewed"
  | "forbidden"
  | "wrong-url"
  | "rejected"
  | "replaced"
  | "unsupported"
  | "unavailable"
  | "unreachable"
  | "blocked"
  | "lost"
  | "silent"
  | "protocol"
  | "behind"
  | "server";

/** Why a connection waits or is closed. The text is for people and can change; the code is for programs. */
export interface Reason {
  code: ReasonCode;
  text: string;
}

export interface Status {
  state: State;
  transport: TransportName;
  /** Why it waits or is closed. */
  reason?: Reason;
  /** Milliseconds until the next attempt. */
  delay?: number;
  /** The error behind it, with its cause. Also an error of one of your callbacks. */
  error?: unknown;
}

export type FailureCode =
  | "handler-failed"
  | "handler-slow"
  | "token-failed"
  | "store-failed"
  | "state-failed"
  | "stopped";

/** One of your callbacks failed and is called again; or, as `stopped`, the connection was closed for good. */
export interface Failure<T = unknown> {
  code: FailureCode;
  text: string;
  /** The notification that `onNotification` failed at, or the retract that `onRetract` failed at. */
  notification?: Notification<T> | Retract;
  /** How often the handler was called with it. */
  attempts?: number;
}

export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export interface Store {
  /** The cursor that was saved last, or nothing. */
  load(): Cursor | null | undefined | PromiseLike<Cursor | null | undefined>;
  save(cursor: Cursor): unknown;
}

export interface Options<T = unknown> {
  /** The address of a distributor, or of the proxy in front of them: "https://notifications.example". */
  url: string;
  /** A JSON Web Token, or a function that returns one. The function is called for each connection and each renewal. */
  token: string | (() => string | PromiseLike<string>);
  /** `auto`, the default: WebSocket; server-sent events if that is blocked; then long poll. */
  transport?: TransportName | "auto";
  /** Where to resume. Without it the cursor of `store` counts, and without that the oldest stored notification. */
  cursor?: Cursor;
  /** One call at a time. A call that returns acknowledges its notification. One that throws or rejects is repeated. */
  onNotification(notification: Notification<T>): unknown;
  /** Asks for retracts (R61). They come in order with the notifications, and are handled in the same way. */
  onRetract?(retract: Retract): unknown;
  onState?(status: Status): unknown;
  /** A callback of yours failed, or the connection stopped for good. Without `onError` that goes to `console.error`. */
  onError?(error: unknown, failure: Failure<T>): unknown;
  /** Keeps the cursor over restarts. */
  store?: Store;
  random?: () => number;
  timers?: Timers;
}

export interface Connection {
  readonly state: State;
  readonly transport: TransportName;
  /** Everything up to here was handled. */
  readonly cursor: Cursor | undefined;
  /** Opens a new connection now. It ends a wait for the next attempt, but not the server's Retry-After. */
  reconnect(): void;
  /** Waits up to 10 s for the running handler, acknowledges, and disconnects. It never rejects. */
  close(): Promise<void>;
  /** Resolves with the reason when the connection is closed by you or for good. It never rejects. */
  readonly closed: Promise<Reason>;
}
