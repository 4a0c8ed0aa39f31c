import { problem, type Problem } from "@saasaparilla/shared/problem.ts";

/** Every kind of problem that a publisher can be told; the same table is its documentation at /problems/<slug>. */
export const PROBLEMS = {
  "not-json": {
    status: 400,
    title: "Not JSON",
    about: "The body, or this line of it, is not JSON text in UTF-8.",
    fix: "Send one object, an array of objects, or NDJSON with one object on each line. JSON.stringify and its like write all that is needed.",
  },
  "invalid-shape": {
    status: 400,
    title: "Not the expected shape",
    about: "A member is missing, unknown, or of another type than expected.",
    fix: "Each of `errors` has a JSON pointer to the place, what was expected there, and how to fix it. /openapi.json has the whole schema.",
  },
  "invalid-value": {
    status: 422,
    title: "A value is not allowed",
    about:
      "The shape is right, but a value is outside of what is allowed: a client's id, a ttl, an event's name, an id that is there twice.",
    fix: "Each of `errors` has a JSON pointer to the value, what was expected there, and how to fix it.",
  },
  "too-large": {
    status: 413,
    title: "Too large",
    about: "One notification's data, the number of items, or the whole body is over its limit.",
    fix: "Send fewer items in one request. For data over the limit, send a reference that the client can fetch.",
  },
  "unsupported-media-type": {
    status: 415,
    title: "Unsupported media type",
    about: "The content type says neither JSON nor NDJSON.",
    fix: "Set Content-Type to application/json, or to application/x-ndjson for one object on each line, without Content-Encoding.",
  },
  forbidden: {
    status: 403,
    title: "Forbidden",
    about: "The request has no token that allows this.",
    fix: "Send `Authorization: Bearer <token>` with a token, or a key, that is valid now and has the scope `publish`. The operator's log says why this one was refused.",
  },
  "client-forbidden": {
    status: 403,
    title: "Not one of your clients",
    about: "The token or key of this request may publish, but not to this client.",
    fix: "Use a token or key whose patterns fit the client, or ask whoever runs your tenant for one.",
  },
  "id-reused": {
    status: 422,
    title: "The id is another notification's",
    about: "A notification with this id and other content was accepted before.",
    fix: "Give each notification an id of its own. An id is repeated only together with the same content, to make a retry harmless.",
  },
  "key-reused": {
    status: 422,
    title: "The Idempotency-Key is another request's",
    about:
      "This publisher sent a request with this key and another body before, and at least one item of it was accepted.",
    fix: "Use a new key for each new request. Repeat a key only with the same media type and body.",
  },
  "in-progress": {
    status: 409,
    title: "Still in progress",
    about: "An earlier request with the same id or Idempotency-Key has not ended yet, or its outcome is not known yet.",
    fix: "Wait for Retry-After, then send the same again.",
  },
  "rate-limited": {
    status: 429,
    title: "Too many notifications",
    about:
      "Your tenant, or this publisher, publishes more than it may, or too much from this address was refused. Nothing of this was accepted.",
    fix: "Send the same again after Retry-After. RateLimit-Policy has what may be published, and RateLimit what is left of it.",
  },
  "client-full": {
    status: 429,
    title: "As much is stored for the client as may be",
    about:
      "The client has not read for long, and has as many notifications waiting as your tenant allows. This one was not accepted.",
    fix: "Send it again after Retry-After, or when the client has read. Give notifications that go stale a ttl: they make room by themselves.",
  },
  busy: {
    status: 503,
    title: "Busy",
    about: "This receiver holds as many requests as it may. Nothing of this one was accepted.",
    fix: "Send the same again after Retry-After. If it goes on, run more receivers.",
  },
  unavailable: {
    status: 503,
    title: "Not available now",
    about:
      "Kafka cannot be reached, or it cannot be checked who you are, so nothing can be accepted. This was not accepted, and will not be sent later.",
    fix: "Send the same again after Retry-After.",
  },
  "outcome-unknown": {
    status: 503,
    title: "It is not known whether this was accepted",
    about: "It was given to Kafka, which has not answered in time. It may have been accepted or not.",
    fix: "Send the same again after Retry-After. With the same id or Idempotency-Key that is harmless: it is delivered once. Without either it may be delivered twice.",
  },
  "too-slow": {
    status: 408,
    title: "Too slow",
    about: "The body was not all there in time. Nothing of this was accepted.",
    fix: "Send less in one request, or over a faster line.",
  },
  "token-in-query": {
    status: 400,
    title: "A token in the query",
    about: "No token is taken from the query: logs and histories keep addresses.",
    fix: "Send `Authorization: Bearer <token>`, with another token: this one may be known to others by now.",
  },
  "method-not-allowed": {
    status: 405,
    title: "Method not allowed",
    about: "There is something at this address, but not for this method.",
    fix: "The header Allow has the methods that it takes.",
  },
  "not-found": {
    status: 404,
    title: "Not found",
    about: "There is nothing at this address.",
    fix: "/docs lists what there is.",
  },
  internal: {
    status: 500,
    title: "Internal error",
    about: "Something went wrong here that should not. It has been logged.",
    fix: "Send the same again, with the same id or Idempotency-Key.",
  },
} as const satisfies Record<string, { status: number; title: string; about: string; fix: string }>;

export type Slug = keyof typeof PROBLEMS;

export function problemOf(
  slug: Slug,
  detail: string = PROBLEMS[slug].about,
  more: Pick<Problem, "errors" | "retryAfter"> = {},
): Problem {
  const { status, title, fix } = PROBLEMS[slug];
  return problem(status, slug, title, detail, { fix, ...more });
}

export function slugOf({ type }: Problem): Slug {
  return type.slice("/problems/".length) as Slug;
}

/** Ends a request as a whole. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly problem: Problem;
  /** That go with it. */
  readonly headers: Record<string, string> | undefined;

  constructor(problem: Problem, headers?: Record<string, string>) {
    super(problem.detail);
    this.problem = problem;
    this.headers = headers;
  }
}

export function refuse(slug: Slug, detail?: string, more?: Pick<Problem, "errors" | "retryAfter">): never {
  throw new Refusal(problemOf(slug, detail, more));
}
