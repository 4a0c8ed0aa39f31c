// oxlint-disable max-lines -- One closure is the state of a connection: its parts would share a dozen variables.
import type { Connection, Failure, FailureCode, Notification, Options, Reason, State, Status, Timers } from "./api.ts";
import { Acks } from "./acks.ts";
import { Backoff, NEVER_MS, pause } from "./timing.ts";
import { CALLBACK_MS, guarded, LATE, reporter, within } from "./callbacks.ts";
import { baseOf, postAck, TOKEN_FORM } from "./http.ts";
import { Received } from "./received.ts";
import { watchPage } from "./browser-events.ts";
import { choose } from "./transports.ts";
import { type Context, ending, type Ending, type ServerFrame } from "./protocol.ts";

export type {
  Connection,
  Cursor,
  Failure,
  FailureCode,
  Notification,
  Options,
  Reason,
  ReasonCode,
  Retract,
  State,
  Status,
  Store,
  Timers,
  TransportName,
} from "./api.ts";

const LAST_WORDS_MS = 2_000;
/** close() waits this long for the running handler. */
const HANDLER_MS = 10_000;
/** Between two attempts that reconnect() or the page asks for. */
const REST_MS = 1_000;
/** A server that asks for more than an hour is asked again after an hour. */
const MOST_SECONDS = 3_600;
/** The URL counts as wrong after this many answers from other servers, before the first connection. */
const WRONG_ANSWERS = 3;

const ignore = (): void => {};

const CLOSED: Reason = { code: "closed", text: "close()" };
const RECONNECT: Ending = ending("reconnect", "reconnect()", "again");

/** A client of SaaSaparilla Notifications: every notification once and in order, whatever happens to the connection. */
export function connect<T = unknown>(options: Options<T>): Connection<T> {
  const { inbox, store, token: given, random = Math.random } = options;
  const base = baseOf(options.url);
  if (typeof options.onNotification !== "function") throw new TypeError("onNotification is missing.");
  const timers: Timers = options.timers ?? globalThis;
  const closing = new AbortController();
  const backoff = new Backoff(random);
  const choice = choose(options.transport ?? "auto");
  const tell = reporter(options);
  inbox?.attach(options, closing.signal);
  let state: State = "connecting";
  /** Aborts the current attempt. */
  let attempt = new AbortController();
  let context: Context | undefined;
  let probe: (() => void) | undefined;
  /** Ends the wait for the next attempt. */
  let hurry = new AbortController();
  let everConnected = false;
  let wrongAnswers = 0;
  let refusals = 0;
  /** R45: it is not sent again. */
  let refusedToken: string | undefined;
  let latestToken: string | undefined;
  let stopping: Promise<void> | undefined;

  function status(more: Omit<Status, "state" | "transport">): void {
    guarded(
      () => options.onState?.({ state, transport: choice.now(), ...more }),
      (error) => tell(error, { code: "state-failed", text: "onState failed." }),
    );
  }

  function report(error: unknown, code: FailureCode, text: string, more: Partial<Failure<T>> = {}): void {
    tell(error, { code, text, ...more });
    status({ error });
  }

  function become(next: State, more: Omit<Status, "state" | "transport"> = {}): void {
    if (next === state && next !== "connecting") return;
    state = next;
    status(more);
  }

  const bounded = <R>(start: () => R | PromiseLike<R>, ms = CALLBACK_MS, signal = closing.signal) =>
    within(start, { signal, timers, ms });

  const acks = new Acks({
    save: (cursor) =>
      bounded(() => store?.save(cursor)).catch((error: unknown) => {
        tell(error, { code: "store-failed", text: "store.save failed." });
        throw error;
      }),
    failed: (error) => status({ error }),
    random,
    timers,
  });
  const received = new Received(
    {
      handle: (item) =>
        item.type === "retract" ? options.onRetract?.(item) : options.onNotification(item as Notification<T>),
      handled: (cursor) => acks.handled(cursor),
      failed: (error, item, attempts) =>
        report(
          error,
          error === LATE ? "handler-slow" : "handler-failed",
          `Handler ${error === LATE ? "is late" : "failed"} (${attempts}).`,
          { [item.type]: item, attempts },
        ),
      backoff: new Backoff(random),
      timers,
    },
    options.cursor,
  );

  /** A token that can be sent, or why there is none. */
  async function obtain(): Promise<string | Ending> {
    let token: unknown = given;
    if (typeof given === "function") {
      try {
        token = await bounded(given, CALLBACK_MS, attempt.signal);
      } catch (error) {
        const late = error === LATE;
        const text = `token() ${late ? "is late" : "failed"}.`;
        report(error, "token-failed", text);
        return ending(late ? "token-timeout" : "token-failed", text, "later", { error });
      }
    }
    if (attempt.signal.aborted) return RECONNECT;
    if (typeof token !== "string" || !TOKEN_FORM.test(token)) {
      const text = "The token is invalid.";
      const constant = typeof given === "string";
      if (!constant) report(new Error(text), "token-failed", text);
      return ending("token-invalid", text, constant ? "no" : "later");
    }
    if (token === refusedToken) return ending("forbidden", "Refused again.");
    latestToken = token;
    return token;
  }

  /** A failure changes nothing: the old token counts until it expires. */
  async function newToken(): Promise<string | undefined> {
    if (typeof given === "string") return undefined;
    const token = await obtain();
    return typeof token === "string" ? token : undefined;
  }

  /** One connection, from its opening to its end. */
  async function once(signal: AbortSignal): Promise<Ending> {
    const token = await obtain();
    if (typeof token !== "string") return token;
    // Read late, because the handler may have moved it while the token was being fetched.
    const cursor = received.cursor || undefined;
    let first = true;
    function hear(frame: ServerFrame): void {
      if (signal.aborted) return;
      inbox?.hear(frame, latestToken);
      if (frame.type === "notification" || frame.type === "retract") received.add(frame);
      else if (frame.type === "notifications") for (const one of frame.items) received.add(one);
      else if (frame.type === "connected") {
        // Our cursor is unknown there (R4). A second frame always means that, without a `live` after it (R11).
        if (!first || frame.cursor !== cursor) {
          received.reset(frame.cursor);
          acks.reset();
        }
        everConnected = true;
        refusals = 0;
        if (first) become("replaying");
        first = false;
      } else if (frame.type === "live") {
        backoff.reset();
        choice.worked();
        become("live");
      }
    }
    context = {
      base,
      cursor,
      asks: options.onRetract || inbox ? "&retract=true" : "",
      timers,
      hear,
      token,
      signal,
      // A transport that ends late has a successor.
      acknowledgeBy: (send) => void (signal.aborted || acks.by(send)),
      probeBy: (next) => void (signal.aborted || (probe = next)),
      room: () => received.room(),
      overfull: () => received.overfull,
      settled: async () => {
        await received.empty();
        await acks.flush();
        return received.cursor;
      },
      newToken,
    };
    return choice.open(context);
  }

  async function load(): Promise<void> {
    if (!store || options.cursor !== undefined) return;
    while (!closing.signal.aborted) {
      try {
        const cursor = await bounded(() => store.load());
        if (cursor) received.reset(cursor);
        return;
      } catch (error) {
        // A start without the cursor would be wrong: every notification would come again.
        report(error, "store-failed", "store.load failed.");
        await pause(backoff.next(), [closing.signal], timers);
      }
    }
  }

  /** Whether no further attempt can succeed. */
  function hopeless({ reconnect }: Ending, rotated: boolean): boolean {
    if (reconnect === "no") return true;
    if (reconnect === "token") {
      refusals += 1;
      refusedToken = latestToken;
      return typeof given === "string";
    }
    // A URL that worked once is right: a proxy or a captive portal answers now.
    if (reconnect !== "url" || everConnected || rotated) return false;
    wrongAnswers += 1;
    return wrongAnswers >= WRONG_ANSWERS;
  }

  async function run(): Promise<Reason> {
    await load();
    while (!closing.signal.aborted) {
      attempt = new AbortController();
      const { signal } = attempt;
      const rest = pause(REST_MS, [closing.signal], timers);
      become("connecting");
      const ended = await bounded(() => once(signal), NEVER_MS, signal).then(
        (last) => last ?? RECONNECT,
        (error: unknown) => ending("lost", "The connection failed.", "later", { error }),
      );
      if (closing.signal.aborted) break;
      const { reason, reconnect, retryAfter = 0, error } = ended;
      // Stops the remaining work of this attempt.
      attempt.abort();
      acks.by(undefined);
      probe = undefined;
      hurry = new AbortController();
      const elsewhere = reconnect === "other" || reconnect === "url";
      const rotated = elsewhere && choice.other();
      if (hopeless(ended, rotated)) return reason;
      const atOnce = rotated || reconnect === "again" || (reconnect === "token" && refusals === 1);
      const [server, own] = [Math.min(retryAfter, MOST_SECONDS) * 1_000, atOnce ? 0 : backoff.next()];
      become("waiting", { reason, delay: server + own, ...(error !== undefined && { error }) });
      if (reconnect === "room") await received.room();
      // No event shortens the wait that the server asks for (R44).
      await pause(server, [closing.signal], timers);
      await pause(own, [closing.signal, hurry.signal], timers);
      if (hurry.signal.aborted || reconnect === "again" || reconnect === "token") await rest;
      if (!elsewhere) choice.again();
    }
    return CLOSED;
  }

  // Ends the wait, or checks whether the connection still works.
  const unwatch = watchPage((event) => {
    if (event === "online") choice.forget();
    hurry.abort();
    probe?.();
  });

  async function stop(): Promise<void> {
    await bounded(() => received.stop(), HANDLER_MS).catch(ignore);
    await bounded(() => acks.flush(), LAST_WORDS_MS).catch(ignore);
    // A long poll cannot send it. If this request fails, the cursor of the next connection acknowledges it.
    if (context && acks.pending !== undefined)
      await postAck({ ...context, signal: closing.signal }, acks.pending, LAST_WORDS_MS).catch((error: unknown) =>
        status({ error }),
      );
    closing.abort();
    attempt.abort();
    await closed;
  }

  const closed = Promise.resolve()
    .then(run)
    .catch((error: unknown): Reason => ({ code: "lost", text: String(error) }))
    .then(async (reason) => {
      unwatch();
      closing.abort();
      attempt.abort();
      await bounded(() => received.stop(), HANDLER_MS, new AbortController().signal).catch(ignore);
      acks.end();
      const error = reason === CLOSED ? undefined : new Error(reason.text);
      if (error) tell(error, { code: "stopped", text: reason.text });
      become("closed", { reason, ...(error && { error }) });
      return reason;
    });

  return {
    inbox,
    get state() {
      return state;
    },
    get transport() {
      return choice.now();
    },
    get cursor() {
      return received.cursor || undefined;
    },
    reconnect() {
      hurry.abort();
      if (state !== "waiting") attempt.abort();
    },
    async close() {
      stopping ??= stop();
      // A handler that waits for its own end would wait for ever.
      if (!received.inHandler) await stopping;
    },
    closed,
  };
}
