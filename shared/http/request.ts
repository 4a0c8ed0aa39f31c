import type { HttpResponse } from "./response.ts";

/** A request as handlers see it, whichever server read it. */
export interface Request {
  /** In lower case. */
  method: string;
  path: string;
  /** The route's pattern, as /v1/tenants/:tenant. */
  route: string;
  query: URLSearchParams;
  /** By name in lower case. Lines of one name are joined by commas, or the first counts. */
  headers: Readonly<Record<string, string>>;
  /** The peer's address as text. */
  readonly address: string;
  /** Called where the peer goes before it is answered. */
  onGone?: () => void;
}

export type Handler = (request: Request, body: Buffer) => HttpResponse | Promise<HttpResponse>;
