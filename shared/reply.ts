import { Failure } from "./errors.ts";
import { jittered, problem, type Problem } from "./problem.ts";

/** What a service answers a request with, whoever brings it to the peer. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  /** The connection ends after it: the rest of the request is not worth reading, or the socket not worth keeping. */
  close?: boolean;
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(value) };
}

export function problemReply(value: Problem): Reply {
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (value.retryAfter !== undefined) headers["retry-after"] = String(value.retryAfter);
  return { status: value.status, headers, body: JSON.stringify(value) };
}

export function notFound(method: string, path: string): Reply {
  return problemReply(problem(404, "not-found", "Not found", `There is nothing at ${method} ${path}.`));
}

export function notAllowed(method: string, path: string, allowed: string[]): Reply {
  const allow = allowed.join(", ");
  const detail = `${path} does not take ${method}, but ${allow}.`;
  const reply = problemReply(problem(405, "method-not-allowed", "Method not allowed", detail));
  return { ...reply, headers: { ...reply.headers, allow } };
}

export function tooSlow(ms: number): Reply {
  const detail = `The body was not all there after ${ms / 1_000} seconds. Send less at once.`;
  return problemReply(problem(408, "too-slow", "Too slow", detail));
}

export function unclear(): Reply {
  return badHead("Where the body ends is said in two ways. Send one Content-Length, or Transfer-Encoding: chunked.");
}

/** A request that is not read any further. What follows it on the connection may be a part of it. */
export function badHead(detail: string): Reply {
  return { ...problemReply(problem(400, "invalid-request", "Invalid request", detail)), close: true };
}

export function slowHead(ms: number): Reply {
  const detail = `The head was not complete after ${ms / 1_000} seconds.`;
  return { ...problemReply(problem(408, "too-slow", "Too slow", detail)), close: true };
}

export function largeHead(): Reply {
  const detail = "The head has more than 100 headers, or more than 16 KB. Send less.";
  return { ...problemReply(problem(431, "too-large", "Too large", detail)), close: true };
}

export function largeChunks(): Reply {
  const detail = "The trailers of the body or the extensions of its chunks have more than 16 KB. Send less.";
  return { ...problemReply(problem(431, "too-large", "Too large", detail)), close: true };
}

export function lengthRequired(): Reply {
  const detail = "A body in chunks is not taken here. Send it with a Content-Length.";
  return { ...problemReply(problem(411, "length-required", "Length required", detail)), close: true };
}

export function expectationFailed(): Reply {
  const detail = "The only expectation that is known is 100-continue.";
  return problemReply(problem(417, "expectation-failed", "Expectation failed", detail));
}

export function versionNotSupported(): Reply {
  const detail = "This port speaks HTTP/1.1 and HTTP/1.0.";
  return { ...problemReply(problem(505, "version-not-supported", "Version not supported", detail)), close: true };
}

export function tooLarge(maxBytes: number): Reply {
  const detail = `The body is larger than ${maxBytes} bytes. Send less in one request.`;
  return problemReply(problem(413, "too-large", "Too large", detail));
}

/** `retryAfter`: seconds. */
export function tooMany(detail: string, retryAfter: number): Reply {
  const told = `${detail} Come back after Retry-After.`;
  return problemReply(problem(429, "rate-limited", "Too many requests", told, { retryAfter }));
}

/** Neither a refusal nor a pass: whether a token is good cannot be said at the moment. */
export function tokenUnchecked(error: unknown): Reply {
  const detail = "Your token cannot be checked at the moment. Repeat the request after Retry-After.";
  return problemReply(problem(503, "unavailable", "Unavailable", detail, { retryAfter: retryAfterOf(error) }));
}

/** Seconds until a token can be checked. */
export function retryAfterOf(error: unknown): number {
  const after = error instanceof Failure ? error.retryAfter : undefined;
  return after === undefined ? jittered(1, 5) : jittered(after, after + 5);
}

/** Before everything is composed a route is not missing, it is not there yet. */
export function notThereYet(): Reply {
  const detail = "The service is starting or ending. Try again.";
  return problemReply(problem(503, "unavailable", "Unavailable", detail, { retryAfter: jittered(1, 5) }));
}

export function internalError(): Reply {
  const detail = "Something went wrong here. It has been logged; try again.";
  return problemReply(problem(500, "internal", "Internal error", detail));
}

/** What people name a token there. */
const TOKEN_NAMES = ["token", "access_token", "bearer", "jwt", "authorization", "api_key"];

/** The answer to a token in a query: logs and histories keep addresses, so it is known to others by now. */
export function tokenInQuery(query: URLSearchParams): Reply | undefined {
  if (query.size === 0) return undefined;
  const name = TOKEN_NAMES.find((one) => query.has(one));
  if (name === undefined) return undefined;
  const detail = `No token is taken from the query, and this one (${name}) may be in a log by now: do not use it any more. Send it as a header, or use a ticket.`;
  return problemReply(problem(400, "token-in-query", "A token in the query", detail));
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
  500: "Internal Server Error",
  503: "Service Unavailable",
};

export const statusLine = (status: number): string => `${status} ${STATUS_TEXT[status] ?? ""}`;
