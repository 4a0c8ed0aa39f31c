import { timingSafeEqual } from "node:crypto";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import type { Session } from "./sessions.ts";

const NAME = "console-session";
const SIGN_IN = "console-sign-in";
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

type Headers = Request["headers"];

/** The address of the console as its users' browsers see it, and what follows from it. */
export class Origin {
  readonly #url: URL | undefined;
  readonly #tls: boolean;

  /** `tls`: the console's own port speaks TLS. */
  constructor(url: string | undefined, tls: boolean) {
    this.#url = url === undefined ? undefined : new URL(url);
    this.#tls = tls;
  }

  /** Only http on this machine has cookies without `Secure`. */
  #secure(headers: Headers): boolean {
    if (this.#url) return this.#url.protocol === "https:";
    return this.#tls || !LOOPBACK.test(headers.host ?? "");
  }

  cookieOf(headers: Headers): string | undefined {
    return this.#cookieOf(headers, NAME);
  }

  signInCookieOf(headers: Headers): string | undefined {
    return this.#cookieOf(headers, SIGN_IN);
  }

  #cookieOf(headers: Headers, name: string): string | undefined {
    const wanted = `${this.#secure(headers) ? "__Host-" : ""}${name}=`;
    const found = (headers.cookie ?? "").split(/; */).filter((one) => one.startsWith(wanted));
    // A second cookie of this name may come from another origin of this host, and is no proof.
    return found.length === 1 ? found[0]!.slice(wanted.length) : undefined;
  }

  /** `seconds`: 0 removes the cookie. */
  setCookie(headers: Headers, value: string, seconds: number): string {
    return this.#set(headers, `${NAME}=${value}; HttpOnly; SameSite=Strict`, seconds);
  }

  /** The provider's page leads back to us, and a browser sends a strict cookie only from our own pages. */
  setSignInCookie(headers: Headers, value: string, seconds: number): string {
    return this.#set(headers, `${SIGN_IN}=${value}; HttpOnly; SameSite=Lax`, seconds);
  }

  #set(headers: Headers, cookie: string, seconds: number): string {
    const secure = this.#secure(headers);
    return `${secure ? "__Host-" : ""}${cookie}; Path=/; Max-Age=${seconds}${secure ? "; Secure" : ""}`;
  }

  /**
   * Why a request with a cookie is refused, or undefined. A browser sends the cookie along with requests of other pages
   * of this site. Only our own page knows the CSRF token.
   */
  forged(
    { method, headers }: Pick<Request, "method" | "headers">,
    { csrf }: Pick<Session, "csrf">,
  ): string | undefined {
    const site = headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin" && site !== "none") return "another page sent it (Sec-Fetch-Site)";
    if (method === "get" || method === "head") return undefined;
    const ours = headers.origin === undefined ? site === "same-origin" : this.#isOurs(headers.origin, headers.host);
    if (!ours) return "its Origin is not the console's own";
    return equal(headers["x-csrf-token"] ?? "", csrf) ? undefined : "its x-csrf-token is not the session's";
  }

  #isOurs(origin: string, host: string | undefined): boolean {
    if (this.#url) return origin === this.#url.origin;
    return origin === `http://${host}` || origin === `https://${host}`;
  }
}

function equal(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
