import type { Service, Stack } from "./stack.ts";
import type { Bearer } from "./tokens.ts";

/** SECRETS_KEY of a stack with sign-in. */
export const SEALED = { SECRETS_KEY: Buffer.alloc(32, 7).toString("base64") };

/** A sign-in token: short-lived, with a jti. */
export const signInToken = (stack: Pick<Stack, "token">, bearer: Partial<Bearer> = {}): Promise<string> =>
  stack.token({ publisher: "ada", scope: "operate", ttl: 300, ...bearer });

/** A person at the console, as a browser acts for them. */
export class BrowserSession {
  readonly #url: string;
  readonly cookie: string;
  readonly csrf: string;

  constructor(url: string, cookie: string, csrf: string) {
    this.#url = url;
    this.cookie = cookie;
    this.csrf = csrf;
  }

  static async begin(service: Pick<Service, "url">, token: string): Promise<BrowserSession> {
    const response = await beginSession(service, token);
    if (response.status !== 201)
      throw new Error(`The sign-in was answered ${response.status}: ${await response.text()}`);
    const { csrf } = (await response.json()) as { csrf: string };
    return new BrowserSession(service.url, response.headers.getSetCookie()[0]!.split(";")[0]!, csrf);
  }

  /** `headers`: they replace the browser's own; an empty one is left out. */
  ask(method: string, path: string, { body, headers = {} }: Asked = {}): Promise<Response> {
    const own = { cookie: this.cookie, ...(method !== "GET" && { "x-csrf-token": this.csrf, origin: this.#url }) };
    const all = Object.entries({ ...own, ...headers }).filter(([, value]) => value !== "");
    return fetch(`${this.#url}${path}`, {
      method,
      headers: Object.fromEntries(all),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
}

interface Asked {
  body?: unknown;
  headers?: Record<string, string>;
}

export const beginSession = ({ url }: Pick<Service, "url">, token: string): Promise<Response> =>
  fetch(`${url}/v1/session`, { method: "POST", headers: { authorization: `Bearer ${token}` } });
