import type { Connection, Failure, FailureCode, Notification, Options, Reason, State, Status } from "./api.ts";
import { Acks } from "./acks.ts";
import { Backoff, pause } from "./backoff.ts";
import { guarded, LATE, reporter, within } from "./callbacks.ts";
import { baseOf, postAck } from "./http.ts";
import { Inbox } from "./inbox.ts";
import { watchPage } from "./page.ts";
import { choose } from "./transports.ts";
import { type Context, ending, type Ending, type ServerFrame } from "./wire.ts";

export type {
  Connection,
  Cursor,
  Failure,
  FailureCode,
  Notification,
  Options,
  Reason,
  ReasonCode,
  State,
  Status,
  Store,
  Timers,
  TransportName,
} from "./api.ts";

const LAST_WORDS_MS = 2_000;
/** close() waits so long for the handler that is running. */
const HANDLER_MS = 10_000;
/** Between two attempts that reconnect() or the page asks for. */
const REST_MS = 1_000;
/** Answers of something else than a notification server, before the first connection, that are taken for a wrong URL. */
const WRONG_ANSWERS = 3;
/** What every transport can carry: a JSON Web Token, and no line break, quote or markup. */
const TOKEN_FORM = /^[\w.~+-]{1,8192}$/;

const CLOSED: Reason = { code: "closed", text: "You closed it." };
const RECONNECT: Ending = ending("reconnect", "You asked for another connection.", "again");

/** A client of SaaSaparilla Notifications: every notification once and in order, whatever happens to the connection. */
export function connect<T = unknown>(options: Options<T>): Connection {
  const { store, token: given, random = Math.random } = options;
  const base = baseOf(options.url);
  const timers = options.timers ?? {
    setTimeout: (callback, ms) => setTimeout(callback, ms),
    clearTimeout: (timer) => clearTimeout(timer as number),
  };
  const closing = new AbortController();
  const backoff = new Backoff(random);
  const choice = choose(options.transport ?? "auto");
  const tell = reporter(options);
  let state: State = "connecting";
  /** Of the present attempt. */
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

  const acks = new Acks({
    async save(cursor) {
      try {
        await within(() => store?.save(cursor), { signal: closing.signal, timers });
      } catch (error) {
        report(error, "store-failed", "store.save failed. It is called again.");
        throw error;
      }
    },
    failed: (error) => status({ error }),
    random,
    timers,
  });
  const about = (notification: Notification, attempts: number) =>
    ({ notification: notification as Notification<T>, attempts }) satisfies Partial<Failure<T>>;
  const inbox = new Inbox(
    {
      handle: (notification) => options.onNotification(notification as Notification<T>),
      handled: (cursor) => acks.handled(cursor),
      failed: (error, notification, attempts) =>
        report(
          error,
          "handler-failed",
          `onNotification failed (attempt ${attempts}). It is called again; what follows waits.`,
          about(notification, attempts),
        ),
      slow: (notification, attempts) =>
        report(
          LATE,
          "handler-slow",
          "onNotification has not returned for a minute. What follows waits.",
          about(notification, attempts),
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
        token = await within(given, { signal: attempt.signal, timers });
      } catch (error) {
        const [code, text] =
          error === LATE
            ? (["token-timeout", "The token function has not returned for 30 s."] as const)
            : (["token-failed", "The token function failed. Only onError gets its error."] as const);
        report(error, "token-failed", text);
        return ending(code, text, "later", { error });
      }
    }
    if (attempt.signal.aborted) return RECONNECT;
    if (typeof token !== "string" || !TOKEN_FORM.test(token)) {
      const text = `The token ${typeof given === "string" ? "" : "that the token function returned "}is no JSON Web Token. Expected its text alone: no quotes, line break, "Bearer", JSON or HTML.`;
      if (typeof given === "string") return ending("token-invalid", text, "no");
      report(new Error(text), "token-failed", text);
      return ending("token-invalid", text);
    }
    if (token === refusedToken) return ending("forbidden", "The token function returned the refused token again.");
    latestToken = token;
    return token;
  }

  /** One that cannot be had now changes nothing: the old one counts until it expires. */
  async function newToken(): Promise<string | undefined> {
    if (typeof given === "string") return undefined;
    const token = await obtain();
    return typeof token === "string" ? token : undefined;
  }

  /** One connection, from its opening to its end. */
  async function once(signal: AbortSignal): Promise<Ending> {
    const token = await obtain();
    if (typeof token !== "string") return token;
    // It may have been handled while the token was on its way.
    const cursor = inbox.cursor || undefined;
    let first = true;
    function hear(frame: ServerFrame): void {
      if (signal.aborted) return;
      if (frame.type === "notification") inbox.add(frame);
      else if (frame.type === "notifications") for (const one of frame.items) inbox.add(one);
      else if (frame.type === "connected") {
        // Elsewhere than we asked: our cursor was unknown there (R4). A second one always means that, and no `live` follows it (R11).
        if (!first || frame.cursor !== cursor) {
          inbox.reset(frame.cursor);
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
      timers,
      hear,
      token,
      signal,
      // A transport that ends late has a successor.
      acknowledgeBy: (send) => void (signal.aborted || acks.by(send)),
      probeBy: (next) => void (signal.aborted || (probe = next)),
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
    return choice.open(context);
  }

  async function load(): Promise<void> {
    if (!store || options.cursor !== undefined) return;
    while (!closing.signal.aborted) {
      try {
        const cursor = await within(() => store.load(), { signal: closing.signal, timers });
        if (cursor) inbox.reset(cursor);
        return;
      } catch (error) {
        // From the start would be wrong: everything would come again.
        report(error, "store-failed", "store.load failed. It is called again.");
        await pause(backoff.next(), [closing.signal], timers);
      }
    }
  }

  /** Whether a further attempt can succeed. */
  function hopeless({ reconnect }: Ending, rotated: boolean): boolean {
    if (reconnect === "no") return true;
    if (reconnect === "token") {
      refusals += 1;
      refusedToken = latestToken;
      return typeof given === "string";
    }
    // A URL that worked once is right: what answers now is a proxy, or a captive portal.
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
      const aborted = new Promise<Ending>((resolve) => signal.addEventListener("abort", () => resolve(RECONNECT)));
      const ended = await Promise.race([signal.aborted ? RECONNECT : attempted(signal), aborted]);
      if (closing.signal.aborted) break;
      const { reason, reconnect, retryAfter = 0, error } = ended;
      // Whatever of it goes on ends.
      attempt.abort();
      acks.by(undefined);
      probe = undefined;
      hurry = new AbortController();
      const rotated = (reconnect === "other" || reconnect === "url") && choice.other();
      if (hopeless(ended, rotated)) return reason;
      const atOnce = rotated || reconnect === "again" || (reconnect === "token" && refusals === 1);
      const [server, own] = [retryAfter * 1_000, atOnce ? 0 : backoff.next()];
      become("waiting", { reason, delay: server + own, ...(error !== undefined && { error }) });
      if (reconnect === "room") await inbox.room();
      // Nothing shortens what the server asks for (R44).
      await pause(server, [closing.signal], timers);
      await pause(own, [closing.signal, hurry.signal], timers);
      if (hurry.signal.aborted || reconnect === "again" || reconnect === "token") await rest;
      if (reconnect !== "other" && reconnect !== "url") choice.again();
    }
    return CLOSED;
  }

  async function attempted(signal: AbortSignal): Promise<Ending> {
    try {
      return await once(signal);
    } catch (error) {
      return ending("lost", "The connection failed.", "later", { error });
    }
  }

  /** Ends the wait, or finds out whether the connection is still there. */
  function awake(): void {
    hurry.abort();
    probe?.();
  }

  const unwatch = watchPage({
    awake,
    online() {
      choice.forget();
      awake();
    },
  });

  async function stop(): Promise<void> {
    await within(() => inbox.stop(), { signal: closing.signal, timers, ms: HANDLER_MS }).catch(() => undefined);
    await within(() => acks.flush(), { signal: closing.signal, timers, ms: LAST_WORDS_MS }).catch(() => undefined);
    // A long poll has no way back; and where this fails, the cursor of the next connection says it.
    if (context && acks.pending !== undefined)
      await postAck(context, acks.pending, LAST_WORDS_MS).catch((error: unknown) => status({ error }));
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
      const { signal } = new AbortController();
      await within(() => inbox.stop(), { signal, timers, ms: HANDLER_MS }).catch(() => undefined);
      acks.end();
      if (reason === CLOSED) become("closed", { reason });
      else {
        const error = new Error(reason.text);
        tell(error, { code: "stopped", text: reason.text });
        become("closed", { reason, error });
      }
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
    reconnect() {
      hurry.abort();
      if (state !== "waiting") attempt.abort();
    },
    async close() {
      stopping ??= stop();
      // A handler that waits for its own end would wait for ever.
      if (!inbox.inHandler) await stopping;
    },
    closed,
  };
}
