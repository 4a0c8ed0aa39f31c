import { Acks } from "./acks.ts";
import { Backoff, pause, unless } from "./backoff.ts";
import { postAck } from "./http.ts";
import { Inbox } from "./inbox.ts";
import { choose, type TransportName } from "./transports.ts";
import type { Context, Cursor, Ending, Notification, ServerFrame, Timers } from "./wire.ts";

/**
 * A client of SaaSaparilla Notifications: every notification once and in order, whatever happens to the connection.
 *
 *   connect()                `connected`               `live`
 *   ---------> CONNECTING ----------------> REPLAYING --------> LIVE
 *                ^     |                      |                |
 *    a delay, or |     | not opened           |                | lost, or told to come back
 *    at once     |     v                      |                |
 *                +- WAITING <-----------------+----------------+
 *                      |
 *                      v
 *                   CLOSED  by close(), or where the server says that coming back is of no use
 */
export type State = "connecting" | "replaying" | "live" | "waiting" | "closed";

export interface Status {
  state: State;
  transport: TransportName;
  /** Why it waits or is closed. */
  reason?: string;
  /** ms until the next attempt. */
  delay?: number;
  /** Thrown by your handler, token or store; it is called again. */
  error?: unknown;
}

export interface Options {
  /** Of a distributor or of what stands before them: "https://notifications.example". */
  url: string;
  /** A function is asked at each connection, and where the server wants a newer one. */
  token: string | (() => Promise<string>);
  /** `auto`, the default: WebSocket; where it does not get through, server-sent events; then long poll. */
  transport?: TransportName | "auto";
  /** Where to resume; else what `store` has; else the start. */
  cursor?: Cursor;
  /** One at a time. What it returns from is acknowledged, and never comes again; what it throws at comes again. */
  onNotification(notification: Notification): void | Promise<void>;
  onState?(status: Status): void;
  /** Keeps the cursor over restarts. */
  store?: { load(): Cursor | undefined | Promise<Cursor | undefined>; save(cursor: Cursor): void | Promise<void> };
  random?: () => number;
  timers?: Timers;
}

export interface Connection {
  readonly state: State;
  readonly transport: TransportName;
  /** Everything up to here was handled. */
  readonly cursor: Cursor | undefined;
  /** Lets the handler finish what it has begun, acknowledges it, and disconnects. */
  close(): Promise<void>;
  /** Resolves with the reason, once it is closed by either side. */
  readonly closed: Promise<string>;
}

const LAST_WORDS_MS = 2_000;

export function connect(options: Options): Connection {
  const { url, store, random = Math.random } = options;
  const timers = options.timers ?? {
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (timer) => clearTimeout(timer as number),
  };
  const base = new URL(url);
  const closing = new AbortController();
  const backoff = new Backoff(random);
  const choice = choose(options.transport ?? "auto");
  let state: State = "connecting";
  let refusedTokens = 0;
  let context: Context | undefined;

  const report = (error: unknown): void => options.onState?.({ state, transport: choice.now(), error });
  const acks = new Acks({ save: (cursor) => store?.save(cursor), failed: report, timers });
  const inbox = new Inbox(
    {
      handle: (notification) => options.onNotification(notification),
      handled: (cursor) => acks.handled(cursor),
      failed: report,
      backoff: new Backoff(random),
      timers,
    },
    options.cursor,
  );

  function become(next: State, more: Pick<Status, "reason" | "delay"> = {}): void {
    if (next === state && next !== "connecting") return;
    state = next;
    options.onState?.({ state, transport: choice.now(), ...more });
  }

  /** Undefined where it was closed meanwhile. */
  async function givenToken(): Promise<string | undefined> {
    return typeof options.token === "string" ? options.token : unless(closing.signal, options.token());
  }

  /** One that cannot be had now changes nothing: the old one counts until it expires. */
  async function newToken(): Promise<string | undefined> {
    if (typeof options.token === "string") return undefined;
    try {
      return await givenToken();
    } catch (error) {
      report(error);
      return undefined;
    }
  }

  /** One connection, from its opening to its end. */
  async function once(): Promise<Ending> {
    const cursor = inbox.cursor || undefined;
    let first = true;
    function hear(frame: ServerFrame): void {
      if (closing.signal.aborted) return;
      if (frame.type === "notification") inbox.add(frame);
      else if (frame.type === "notifications") for (const one of frame.items) inbox.add(one);
      else if (frame.type === "connected") {
        // Elsewhere than we asked: our cursor was unknown there (R4). A second one always means that, and no `live` follows it (R11).
        if (!first || frame.cursor !== cursor) {
          inbox.reset(frame.cursor);
          acks.reset();
        }
        if (first) become("replaying");
        first = false;
        refusedTokens = 0;
      } else if (frame.type === "live") {
        backoff.reset();
        choice.worked();
        become("live");
      }
    }
    try {
      const token = await givenToken();
      // A signal tells only of what comes: nobody would end a connection that is opened now.
      if (token === undefined || closing.signal.aborted) return { reason: "closed", reconnect: "no" };
      context = {
        base,
        cursor,
        timers,
        hear,
        token,
        signal: closing.signal,
        acknowledgeBy: (send) => acks.by(send),
        handled: () => inbox.cursor || undefined,
        room: () => inbox.room(),
        overfull: () => inbox.overfull,
        settled: async () => {
          await inbox.empty();
          await acks.flush();
          return inbox.cursor;
        },
        newToken,
      };
    } catch (error) {
      report(error);
      return { reason: "there is no token", reconnect: "later" };
    }
    return choice.open(context);
  }

  async function load(): Promise<void> {
    if (!store || options.cursor !== undefined) return;
    while (!closing.signal.aborted) {
      try {
        const cursor = await store.load();
        if (cursor) inbox.reset(cursor);
        return;
      } catch (error) {
        // From the start would be wrong: everything would come again.
        report(error);
        await pause(backoff.next(), closing.signal, timers);
      }
    }
  }

  async function run(): Promise<string> {
    await load();
    while (!closing.signal.aborted) {
      become("connecting");
      const { reason, reconnect, retryAfter } = await once();
      if (closing.signal.aborted) break;
      if (reconnect === "no") return reason;
      // A token that is given again would be refused again.
      if (reconnect === "token" && (refusedTokens += 1) > (typeof options.token === "string" ? 0 : 1)) return reason;
      const atOnce = reconnect === "token" || (reconnect === "other" && choice.other());
      const delay = atOnce ? 0 : retryAfter === undefined ? backoff.next() : backoff.after(retryAfter);
      become("waiting", { reason, delay });
      await (reconnect === "room" ? inbox.room() : pause(delay, closing.signal, timers));
      if (reconnect !== "other") choice.again();
    }
    return "closed";
  }

  async function close(): Promise<void> {
    await inbox.stop();
    await acks.flush();
    // A long poll has no way back; and where this fails, the cursor of the next connection says it.
    if (context && acks.pending !== undefined)
      await postAck(context, acks.pending, AbortSignal.timeout(LAST_WORDS_MS)).catch(report);
    closing.abort();
    await closed;
  }

  const closed = run().then(async (reason) => {
    closing.abort();
    await inbox.stop();
    acks.stop();
    become("closed", { reason });
    return reason;
  });
  return {
    get state() {
      return state;
    },
    get transport() {
      return choice.now();
    },
    get cursor() {
      return inbox.cursor || undefined;
    },
    close,
    closed,
  };
}
