import type { Cursor } from "./api.ts";
import { onAbort } from "./timing.ts";
import { type Base, type Caller, type Close, type Context, type Ending, ending } from "./protocol.ts";

/** An answer to a request without a wait comes within this time. */
export const PATIENCE_MS = 10_000;

const URL_FORM = /^(?:http|ws)(s?):\/\/([^/?#@\s\\]+)(\/[^?#\s]*)?(?:\?([^#\s]*))?(?:#\S*)?$/i;

/** Throws if the option `url` is not valid. The part before an @ is a secret, and is not repeated. */
export function baseOf(url: string): Base {
  const [, secure, host, path = "", query] = URL_FORM.exec(url) ?? [];
  if (host === undefined) {
    const shown = String(url).replace(/\/\/[^/]*@|[?#].*/gs, "…");
    throw new TypeError(`url is "${shown}". Expected https://host/path, without credentials.`);
  }
  return { origin: `http${secure}://${host}`, path: path.replace(/\/+$/, ""), query };
}

/** Shared HTTP code of the three transports. */
export function address({ base }: Pick<Caller, "base">, path: string, query?: string, cursor?: Cursor): string {
  const pairs = [base.query, query, cursor && `cursor=${encodeURIComponent(cursor)}`].filter(Boolean);
  return `${named(base, path)}${pairs.length > 0 ? `?${pairs.join("&")}` : ""}`;
}

/** For people: an address without its query, which may hold secrets of others. */
const named = ({ origin, path }: Base, name: string): string => `${origin}${path}/v1/${name}`;

export function authorization({ token }: Pick<Caller, "token">): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** A request that ends with the connection, after `ms`, or with `more`. `use` reads the answer before that. */
export async function request<T>(
  context: Caller,
  url: string,
  init: Omit<RequestInit, "signal">,
  ms: number,
  use: (response: Response) => T | Promise<T>,
  more: AbortSignal = context.signal,
): Promise<T> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  let late = false;
  const timer = context.timers.setTimeout(() => {
    late = true;
    abort();
  }, ms);
  const off = onAbort([context.signal, more], abort);
  try {
    return await use(await fetch(url, { ...init, cache: "no-store", signal: stop.signal }));
  } catch (error) {
    throw late ? new Error(`no answer within ${ms / 1_000} s`) : error;
  } finally {
    // The unread rest of the answer is not needed.
    abort();
    context.timers.clearTimeout(timer);
    off();
  }
}

/** The form that every transport can carry: a JSON Web Token, without line break, quote or markup. */
export const TOKEN_FORM = /^[\w.~+-]{1,8192}$/;

export const isOf = ({ headers }: Response, type: string): boolean => !!headers.get("content-type")?.includes(type);

/** R22: acknowledges everything up to the cursor. */
export async function postAck(context: Context, cursor: Cursor, ms = PATIENCE_MS): Promise<void> {
  const status = await post(context, { cursor }, ms, ({ status }) => status);
  if (status >= 300) throw new Error(`answered ${status}`);
}

/**
 * Why a WebSocket or a stream did not open: a browser does not tell. POST /v1/acks without a cursor changes nothing. It
 * shows whether the network, a server without room, the token, or only the transport failed (R9).
 */
export async function whyNot(context: Context, what: string): Promise<Ending> {
  try {
    const said = await post(context, {}, PATIENCE_MS, (response) => refusal(context, "acks", response));
    return said.reason.code === "rejected" ? ending("blocked", `A ${what} does not get through.`, "other") : said;
  } catch (error) {
    return lost(context, error);
  }
}

/** The next step after an answer that is neither a stream nor a list. */
export async function refusal(
  { base }: Context,
  path: string,
  response: Response,
): Promise<Ending & { type?: string | undefined }> {
  const { status, headers } = response;
  const ours = isOf(response, "problem+json");
  const problem = (ours ? await response.json().catch(() => undefined) : undefined) as
    | { type?: string; detail?: string; retryAfter?: number }
    | undefined;
  const text = `${named(base, path)} answered ${status}${problem?.detail ? `: ${problem.detail}` : "."}`;
  if (status === 401 || status === 403) return ending("forbidden", text, "token");
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(headers.get("retry-after") ?? problem?.retryAfter);
    return {
      ...ending("unavailable", text, "later", { retryAfter: seconds > 0 ? seconds : undefined }),
      type: problem?.type,
    };
  }
  if (status === 400 && ours) return ending("rejected", text, "no");
  return wrongUrl(base, path, `answered ${status}`);
}

export const wrongUrl = (base: Base, path: string, what: string): Ending =>
  ending("wrong-url", `${named(base, path)} ${what}. Check the option url.`, "url");

export const lost = ({ base }: Context, error: unknown, opened = false): Ending =>
  ending(opened ? "lost" : "unreachable", `${base.origin}${base.path}: ${describe(error)}`, "later", { error });

/** With its cause: "fetch failed" alone says nothing. */
export function describe(error: unknown, depth = 0): string {
  const { message, code, cause } = Object(error) as { message?: string; code?: string; cause?: unknown };
  return `${message || code || String(error)}${cause && depth < 3 ? `: ${describe(cause, depth + 1)}` : ""}`;
}

export function ended({ code, reason, reconnect, retryAfter }: Close): Ending {
  // 4003: a token was refused that renewed another one.
  const how = code === 4003 ? "token" : reconnect;
  const what = how === "token" ? "forbidden" : how === "now" ? "server" : code === 4011 ? "replaced" : "rejected";
  return ending(what, `${reason} (${code})`, how, { retryAfter });
}

function post<T>(context: Context, body: object, ms: number, use: (response: Response) => T | Promise<T>): Promise<T> {
  const headers = { ...authorization(context), "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  return request(context, address(context, "acks"), init, ms, use);
}
