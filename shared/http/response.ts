import type { ProblemName } from "./problem-types.ts";
import { jittered, nameOf, problemOf, shorten, type Problem } from "./problem.ts";

/** A service's answer to a request, independent of the server. */
export interface HttpResponse {
  status: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** The problem in the body. Some services add an instance to it. */
  problem?: Problem;
  /** The connection ends after it: the rest of the request is not worth reading, or the socket not worth keeping. */
  close?: boolean;
  /**
   * Writes the body bit by bit instead of `body`, on a server on Node. Returns the function that stops it: the peer went
   * away, reads too slowly, or the server ends.
   */
  stream?: (out: StreamOut) => () => void;
}

/** Where a stream goes. After its end nothing is written. */
export interface StreamOut {
  write(text: string): void;
  end(): void;
}

export function isResponse(value: object): value is HttpResponse {
  return "status" in value;
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

export function problemResponse(value: Problem): HttpResponse {
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (value.retryAfter !== undefined) headers["retry-after"] = String(value.retryAfter);
  const challenge = value.status === 403 ? challengeOf(nameOf(value)) : undefined;
  if (challenge !== undefined) headers["www-authenticate"] = challenge;
  return { status: value.status, headers, body: JSON.stringify(value), problem: value };
}

/** RFC 6750, 3. Every refused caller gets one code: different codes would tell whether a token is good (R2). */
const REFUSED =
  'Bearer realm="notifications", error="invalid_token", error_description="The token is missing, not valid, or does not allow this"';
const NARROW =
  'Bearer realm="notifications", error="insufficient_scope", error_description="The token does not allow this recipient"';
const NARROWED: ReadonlySet<string> = new Set<ProblemName>(["client-forbidden", "target-forbidden"]);

/** Sends a browser elsewhere. */
export const found = (location: string): HttpResponse => ({
  status: 302,
  headers: { location, "cache-control": "no-store", "referrer-policy": "no-referrer" },
});

/** Another token does not help with a wrong cursor, so no challenge asks for one. */
function challengeOf(name: ProblemName): string | undefined {
  if (name === "cursor-forbidden") return undefined;
  return NARROWED.has(name) ? NARROW : REFUSED;
}

export function forbidden(detail = "Send a token or key that allows this."): HttpResponse {
  return problemResponse(problemOf("forbidden", detail));
}

export function notFound(method: string, path: string): HttpResponse {
  return problemResponse(problemOf("not-found", `${shorten(`${method} ${path}`, 200)} does not exist.`));
}

export function notAllowed(method: string, path: string, allowed: string[]): HttpResponse {
  const allow = allowed.join(", ");
  const detail = `${shorten(path, 200)} does not support ${method}. Use ${allow}.`;
  const response = problemResponse(problemOf("method-not-allowed", detail));
  return { ...response, headers: { ...response.headers, allow } };
}

/** Only an unencoded body is accepted (RFC 9110, 15.5.16). */
export function encoded(encoding: string): HttpResponse {
  const response = problemResponse(encodedProblem(encoding));
  return { ...response, headers: { ...response.headers, ...ACCEPTED } };
}

export function encodedProblem(encoding: string): Problem {
  const detail = `The body has the content encoding ${JSON.stringify(shorten(encoding))}. Send it without an encoding.`;
  return problemOf("unsupported-media-type", detail);
}

/** A header of the answer to another content encoding. */
export const ACCEPTED = { "accept-encoding": "identity" };

export function tooSlow(ms: number): HttpResponse {
  const detail = `The body was not complete after ${ms / 1_000} seconds. Send less in one request.`;
  return problemResponse(problemOf("too-slow", detail));
}

export function unclear(): HttpResponse {
  return badHead("The end of the body is ambiguous. Send one Content-Length, or Transfer-Encoding: chunked.");
}

export function notUtf8(what: string): HttpResponse {
  return badHead(`The ${what} has bytes that are not UTF-8. Send UTF-8, percent-encoded in a path or query.`);
}

/** For a request that is not read any further. The next bytes on the connection may be a part of it. */
export function badHead(detail: string): HttpResponse {
  return { ...problemResponse(problemOf("invalid-request", detail)), close: true };
}

export function slowHead(ms: number): HttpResponse {
  const detail = `The head was not complete after ${ms / 1_000} seconds.`;
  return { ...problemResponse(problemOf("too-slow", detail)), close: true };
}

export function largeHead(): HttpResponse {
  const detail = "The head has more than 100 headers, or more than 16 KB. Send less.";
  return { ...problemResponse(problemOf("too-large", detail, { status: 431 })), close: true };
}

export function largeChunks(): HttpResponse {
  const detail = "The trailers of the body or the extensions of its chunks have more than 16 KB. Send less.";
  return { ...problemResponse(problemOf("too-large", detail, { status: 431 })), close: true };
}

export function lengthRequired(): HttpResponse {
  const detail = "This port does not accept chunked bodies. Send a Content-Length.";
  return { ...problemResponse(problemOf("length-required", detail)), close: true };
}

export function expectationFailed(): HttpResponse {
  return problemResponse(problemOf("expectation-failed", "The header Expect may only be 100-continue."));
}

export function versionNotSupported(): HttpResponse {
  return { ...problemResponse(problemOf("version-not-supported")), close: true };
}

export function tooLarge(maxBytes: number): HttpResponse {
  return problemResponse(
    problemOf("too-large", `The body is larger than ${maxBytes} bytes. Send less in one request.`),
  );
}

/** `retryAfter`: seconds. */
export function tooMany(detail: string, retryAfter: number): HttpResponse {
  return problemResponse(problemOf("rate-limited", `${detail} Try again after Retry-After.`, { retryAfter }));
}

export function unavailable(detail: string): HttpResponse {
  return problemResponse(problemOf("unavailable", detail, { retryAfter: jittered(1, 5) }));
}

/** Before the service is composed, an unknown route may still come, so it is not "not found". */
export function notThereYet(): HttpResponse {
  return unavailable("The service is starting or shutting down. Try again after Retry-After.");
}

export function internalError(): HttpResponse {
  return problemResponse(problemOf("internal", "The service failed unexpectedly and logged the error. Try again."));
}

/** Usual names of a token in a query. */
const TOKEN_NAMES = ["token", "access_token", "bearer", "jwt", "authorization", "api_key"];

/** The answer to a token in a query. Logs and histories keep addresses, so others may know it already. */
export function tokenInQuery(query: URLSearchParams): HttpResponse | undefined {
  if (query.size === 0) return undefined;
  const name = TOKEN_NAMES.find((one) => query.has(one));
  if (name === undefined) return undefined;
  const detail = `A token in the query (${name}) is refused. Stop using it: logs may contain it now. Send a new token in the header Authorization, or use a ticket.`;
  return problemResponse(problemOf("token-in-query", detail));
}

const STATUS_TEXT: Record<number, string> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  411: "Length Required",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

export const statusLine = (status: number): string => `${status} ${STATUS_TEXT[status] ?? ""}`;
