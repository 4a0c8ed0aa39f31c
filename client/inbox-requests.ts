import type { Cursor, InboxError, InboxErrorCode, Options, Timers } from "./api.ts";
import type { Answer, Counts } from "./inbox-list.ts";
import type { MarkRequest } from "./inbox-marks.ts";
import { CALLBACK_MS, within } from "./callbacks.ts";
import { address, authorization, baseOf, describe, isOf, PATIENCE_MS, request, TOKEN_FORM } from "./http.ts";

/** Why a request failed, for `error` of the inbox. */
export class Refused extends Error {
  readonly code: InboxErrorCode;
  /** A further attempt can succeed. */
  readonly temporary: boolean;
  /** Seconds, by the server. */
  readonly retryAfter: number;

  constructor(code: InboxErrorCode, text: string, { temporary = false, retryAfter = 0 } = {}) {
    super(text);
    this.code = code;
    this.temporary = temporary;
    this.retryAfter = retryAfter;
  }

  get shown(): InboxError {
    return { code: this.code, text: this.message };
  }
}

interface Caller {
  token: Options["token"];
  timers: Timers;
  signal: AbortSignal;
}

/** The requests to the inbox of the token's client. They throw a Refused. */
export class Requests {
  readonly #base: ReturnType<typeof baseOf>;
  readonly #caller: Caller;
  /** The token that the connection uses. */
  accepted: string | undefined;

  constructor(url: string, caller: Caller) {
    this.#base = baseOf(url);
    this.#caller = caller;
  }

  async list<T>(limit: number, before?: Cursor): Promise<Answer<T>> {
    const query = `limit=${limit}${before === undefined ? "" : `&before=${encodeURIComponent(before)}`}`;
    const answer = await this.#ask<Answer<T>>("inbox", query, {}, this.#caller.signal);
    if (!Array.isArray(answer?.items) || !Array.isArray(answer.events)) throw this.#wrong("answered no list");
    return answer;
  }

  /** Not ended by close(): the user's last marks count. */
  async mark(marks: MarkRequest): Promise<Counts> {
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(marks), keepalive: true };
    const answer = await this.#ask<Counts>("inbox/marks", "", init, new AbortController().signal);
    if (typeof answer?.unread !== "number") throw this.#wrong("answered no numbers");
    return answer;
  }

  async #ask<R>(path: string, query: string, init: RequestInit, signal: AbortSignal): Promise<R | undefined> {
    const { token: given, timers } = this.#caller;
    let last: { token: string; refusal: Refused } | undefined;
    for (;;) {
      const token = !last && this.accepted ? this.accepted : await this.#newToken();
      // R45: a refused token is not sent again.
      if (token === last?.token) throw last.refusal;
      const context = { base: this.#base, token, timers, signal };
      const headers = { ...authorization(context), ...(init.headers as Record<string, string>) };
      const url = address(context, path, query);
      const use = async (response: Response): Promise<R | Refused | undefined> =>
        response.ok ? ((await response.json().catch(() => undefined)) as R | undefined) : this.#refusal(response);
      let answer: R | Refused | undefined;
      try {
        answer = await request(context, url, { ...init, headers }, PATIENCE_MS, use);
      } catch (error) {
        throw new Refused("unreachable", `${this.#shown}: ${describe(error)}`, { temporary: true });
      }
      if (!(answer instanceof Refused)) return answer;
      if (answer.code !== "forbidden" || typeof given === "string" || last) throw answer;
      last = { token, refusal: answer };
    }
  }

  async #newToken(): Promise<string> {
    const { token: given, timers, signal } = this.#caller;
    if (typeof given === "string") return given;
    let token: unknown;
    try {
      token = await within(given, { signal, timers, ms: CALLBACK_MS });
    } catch {
      // The error is not kept: it may hold a token.
      throw new Refused("forbidden", "token() failed.", { temporary: true });
    }
    if (typeof token !== "string" || !TOKEN_FORM.test(token))
      throw new Refused("forbidden", "The token is invalid.", { temporary: true });
    this.accepted = token;
    return token;
  }

  async #refusal(response: Response): Promise<Refused> {
    const { status, headers } = response;
    const ours = isOf(response, "problem+json");
    const problem = ours ? ((await response.json().catch(() => undefined)) as { type?: string; detail?: string }) : {};
    const text = `${this.#shown} answered ${status}${problem?.detail ? `: ${problem.detail}` : "."}`;
    // Another token would get the same answer for this cursor.
    if (problem?.type?.endsWith("/cursor-forbidden")) return new Refused("rejected", text);
    if (status === 401 || status === 403) return new Refused("forbidden", text);
    if (status === 408 || status === 429 || status >= 500) {
      const retryAfter = Math.max(0, Number(headers.get("retry-after"))) || 0;
      return new Refused("unavailable", text, { temporary: true, retryAfter });
    }
    if (!ours) return this.#wrong(`answered ${status}`);
    return new Refused(problem?.type?.endsWith("/no-inbox") ? "no-inbox" : "rejected", text);
  }

  /** It may be a captive portal, so another attempt can succeed. */
  #wrong(what: string): Refused {
    return new Refused("wrong-url", `${this.#shown} ${what}. Check the url of inbox().`, { temporary: true });
  }

  get #shown(): string {
    return `${this.#base.origin}${this.#base.path}`;
  }
}
