/**
 * The public types. They have no imports and no types of the DOM, so that TypeScript 4.9 and later can read them.
 */

/** An opaque position. Of two cursors of one client, the later one is the greater string (R3). */
export type Cursor = string;

/** A notification (R15). `T` is the type of your publisher's `data`. The library does not check it. */
export interface Notification<T = unknown> {
  type: "notification";
  id: string;
  cursor: Cursor;
  /** The time at which the platform accepted it, in ISO 8601. */
  publishedAt: string;
  event?: string;
  /** W3C Trace Context, if the publisher sent one. */
  traceparent?: string;
  /** The publisher's key. Of the waiting notifications with one key, only the last one is delivered (R60). */
  collapse?: string;
  /** The publisher's headers, unchanged. */
  headers?: Record<string, string | number | boolean | null>;
  data: T;
}

/** The publisher withdrew the earlier notifications with this key (R61). */
export interface Retract {
  type: "retract";
  /** The id of the retract, not of a notification. */
  id: string;
  cursor: Cursor;
  collapse: string;
}

/** What a user did with a notification. Each mark includes the ones before it, and a mark is never taken back. */
export type Mark = "seen" | "read" | "archived";

/** A notification in the inbox: the same on each device, whether or not it was acknowledged. */
export interface InboxItem<T = unknown> extends Omit<Notification<T>, "type"> {
  /** Null until the user has seen it. Archived items leave the list. */
  mark: "seen" | "read" | null;
}

/** README.md explains each code. A later version can add codes. */
export type InboxErrorCode =
  | "no-inbox"
  | "forbidden"
  | "rejected"
  | "unavailable"
  | "unreachable"
  | "wrong-url"
  | "full";

/** Use the code in programs. The text is for people and can change. */
export interface InboxError {
  code: InboxErrorCode;
  text: string;
}

/** A state is never changed: each change makes a new one. */
export interface InboxState<T = unknown> {
  /** Newest first. */
  readonly items: readonly InboxItem<T>[];
  /** All items that are not read, also those that are not loaded. */
  readonly unread: number;
  readonly unseen: number;
  /** The server has older items: call `loadMore`. */
  readonly more: boolean;
  /** A part of the list is being requested. */
  readonly loading: boolean;
  /** Why the last request failed. Temporary failures are tried again. */
  readonly error: InboxError | undefined;
}

/** Items by their ids, or all items up to a cursor. */
export type Marked = { ids: readonly string[] } | { upTo: Cursor };

/** The user's list of notifications, by `inbox()` of "@saasaparilla/client/inbox". */
export interface Inbox<T = unknown> extends InboxState<T> {
  readonly state: InboxState<T>;
  /** Calls the listener after each change of `state`. Returns a function that ends this. */
  subscribe(this: void, listener: () => unknown): () => void;
  /** Loads the next older items. Never rejects. */
  loadMore(): Promise<void>;
  /** Loads the list again. Resolves once it was loaded or refused. Never rejects. */
  reload(): Promise<void>;
  /**
   * Marks at once, in all tabs. Resolves with true when the server has it, and with false if it was refused and undone.
   * Never rejects.
   */
  mark(mark: Mark, marked: Marked): Promise<boolean>;
  read(ids: readonly string[]): Promise<boolean>;
  archive(ids: readonly string[]): Promise<boolean>;
  readAll(): Promise<boolean>;
  seenAll(): Promise<boolean>;
  /** For `connect`: binds the list to one connection, until its signal. */
  attach(options: Pick<Options<T>, "token" | "onError" | "random" | "timers">, signal: unknown): void;
  /** For `connect`: takes each frame of the connection, and the token that the server has accepted. */
  hear(frame: unknown, token: string | undefined): void;
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

/** The reason why a connection waits or is closed. Use the code in programs. The text is for people and can change. */
export interface Reason {
  code: ReasonCode;
  text: string;
}

export interface Status {
  state: State;
  transport: TransportName;
  /** The reason why it waits or is closed. */
  reason?: Reason;
  /** Milliseconds until the next attempt. */
  delay?: number;
  /** The cause: an error of the connection, or of one of your callbacks. */
  error?: unknown;
}

export type FailureCode =
  | "handler-failed"
  | "handler-slow"
  | "token-failed"
  | "store-failed"
  | "state-failed"
  | "stopped";

/** One of your callbacks failed and is called again. With the code `stopped`, the connection ended for good. */
export interface Failure<T = unknown> {
  code: FailureCode;
  text: string;
  /** The notification for which `onNotification` failed. */
  notification?: Notification<T>;
  /** The retract for which `onRetract` failed. */
  retract?: Retract;
  /** The number of calls of the handler with it. */
  attempts?: number;
}

export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

export interface Store {
  /** Returns the last saved cursor, or nothing. */
  load(): Cursor | null | undefined | PromiseLike<Cursor | null | undefined>;
  save(cursor: Cursor): unknown;
}

export interface Options<T = unknown> {
  /** The address of a distributor, or of the proxy in front of it: "https://notifications.example". */
  url: string;
  /** A JSON Web Token, or a function that returns one. The function is called for each connection and each renewal. */
  token: string | (() => string | PromiseLike<string>);
  /** With `auto`, the default, the library tries WebSocket, then server-sent events, then long poll. */
  transport?: TransportName | "auto";
  /** The position to resume from. The default is the cursor of `store`, or else the oldest stored notification. */
  cursor?: Cursor;
  /** Handles one notification at a time. Its return acknowledges the notification. If it throws or rejects, it is called again. */
  onNotification(notification: Notification<T>): unknown;
  /** Asks the server for retracts (R61). They arrive in order with the notifications, and are handled in the same way. */
  onRetract?(retract: Retract): unknown;
  onState?(status: Status): unknown;
  /** Called when one of your callbacks failed, or the connection stopped for good. The default prints to `console.error`. */
  onError?(error: unknown, failure: Failure<T>): unknown;
  /** Keeps the cursor across restarts. */
  store?: Store;
  /** The user's list of notifications, by `inbox()` of "@saasaparilla/client/inbox". */
  inbox?: Inbox<T>;
  random?: () => number;
  timers?: Timers;
}

export interface Connection<T = unknown> {
  readonly state: State;
  readonly transport: TransportName;
  /** Everything up to this position was handled. */
  readonly cursor: Cursor | undefined;
  /** The option `inbox`. */
  readonly inbox: Inbox<T> | undefined;
  /** Opens a new connection now. It shortens the wait for the next attempt, but not the server's Retry-After. */
  reconnect(): void;
  /** Waits up to 10 s for the running handler, acknowledges, and disconnects. It never rejects. */
  close(): Promise<void>;
  /** Resolves with the reason when you close the connection, or when it stops for good. It never rejects. */
  readonly closed: Promise<Reason>;
}
