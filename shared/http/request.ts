import type { HttpResponse } from "./response.ts";

/** A request as handlers see it, independent of the server. */
export interface Request {
  /** In lower case. */
  method: string;
  path: string;
  /** The route's pattern, for example /v1/tenants/:tenant. */
  route: string;
  query: URLSearchParams;
  /** By name in lower case. Lines of one name are joined by commas, or the first counts. */
  headers: Readonly<Record<string, string>>;
  /** The peer's address as text. */
  readonly address: string;
  /** Set once its caller is known. */
  tenant?: string;
  /** Called if the peer goes away before the answer. */
  onGone?: () => void;
}

export type Handler = (request: Request, body: Buffer) => HttpResponse | Promise<HttpResponse>;
