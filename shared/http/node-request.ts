import type { IncomingMessage } from "node:http";
import type { Route } from "./base-server.ts";
import type { Request } from "./request.ts";
import type { Target } from "./request-framing.ts";

/** Query and address are computed on first use: most handlers read neither. */
export class NodeRequest implements Request {
  method: string;
  path: string;
  route: string;
  headers: Readonly<Record<string, string>>;
  tenant?: string;
  onGone?: () => void;
  readonly #search: string;
  readonly #caller: () => string;
  #query: URLSearchParams | undefined;
  #address: string | undefined;

  constructor(
    { method, pattern }: Pick<Route, "method" | "pattern">,
    { path, search }: Target,
    req: IncomingMessage,
    caller: () => string,
  ) {
    this.method = method;
    this.path = path;
    this.route = pattern;
    // All headers are text except Set-Cookie, which no request has.
    this.headers = req.headers as Record<string, string>;
    this.#search = search;
    this.#caller = caller;
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.#search));
  }

  get address(): string {
    return (this.#address ??= this.#caller());
  }
}

/** A request that was refused before its route was known. Its query can have a token. */
export const unread = ({ method = "", url = "" }: IncomingMessage): { method: string; path: string } => ({
  method: method.toLowerCase(),
  path: url.split("?", 1)[0]!,
});
