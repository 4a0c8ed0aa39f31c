export interface ProblemType {
  /** The usual status. A few answers have another: a head that is too large is 431. */
  status: number;
  title: string;
  about: string;
  fix: string;
}

/** Every kind of problem that any service answers. Each service serves the page of each at /problems/<name>. */
export const PROBLEM_TYPES = {
  "not-json": {
    status: 400,
    title: "Not JSON",
    about: "The body, or this line of it, is not JSON text in UTF-8.",
    fix: "Send JSON in UTF-8, without a byte order mark. JSON.stringify and its like write all that is needed.",
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
    about: "The shape is right, but a value is outside its range. In a path or a query the status is 400.",
    fix: "`detail`, or each of `errors`, says which value it is and what was expected there.",
  },
  "invalid-request": {
    status: 400,
    title: "Invalid request",
    about: "The head of the request, its query, or the end of its body cannot be understood with certainty.",
    fix: "`detail` says what is wrong. If you did not write the request by hand, look for a proxy that changes it.",
  },
  "too-large": {
    status: 413,
    title: "Too large",
    about:
      "One notification's data, the number of items, or the whole body is over its limit. For a head that is too large the status is 431.",
    fix: "Send fewer items in one request. For data over the limit, send a reference that the client can fetch. For a head, send fewer cookies or a shorter token.",
  },
  "unsupported-media-type": {
    status: 415,
    title: "Unsupported media type",
    about: "The content type is neither JSON, NDJSON nor CloudEvents, or the body has a content encoding.",
    fix: "Set Content-Type to application/json, to application/x-ndjson for one object on each line, or to application/cloudevents+json. Send the body without Content-Encoding, or with `identity`.",
  },
  forbidden: {
    status: 403,
    title: "Forbidden",
    about: "The request has no token or key that allows this. The answer does not say why.",
    fix: "Send `Authorization: Bearer <token>` with a token or key that is valid now and allows this. The operator's audit log says why this one was refused.",
  },
  "client-forbidden": {
    status: 403,
    title: "Not one of your clients",
    about: "The token or key of this request may publish, but not to this client.",
    fix: "Use a token or key whose patterns fit the client, or ask an operator of your tenant for one.",
  },
  "target-forbidden": {
    status: 403,
    title: "Not one of your targets",
    about:
      "The token or key of this request may publish, but not to this queue, group or exchange. No publisher may name the queues of actions and endpoints.",
    fix: "Use a token or key whose `targets` fit, or ask an operator of your tenant for a grant with them. `trust: scopes` gives no targets.",
  },
  "unknown-target": {
    status: 422,
    title: "There is no such target",
    about: "Your tenant has no queue, group or exchange of this name, or the target has no known form.",
    fix: "Correct the name, or let an operator of your tenant create the target first.",
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
    title: "Too many requests",
    about:
      "You, your tenant or your address sends more than it may, or has as many connections as it may. Nothing of this request was done.",
    fix: "Send the same again after Retry-After. Where RateLimit-Policy is given, it says what may be published, and RateLimit says what is left.",
  },
  "client-full": {
    status: 429,
    title: "The inbox is full",
    about:
      "A client or queue has not read for long, and has as many notifications waiting as your tenant allows. This one was not accepted. `errors` name it.",
    fix: "Send it again after Retry-After, or when the client has read. Give notifications that go stale a ttl: they make room by themselves.",
  },
  "tenant-full": {
    status: 429,
    title: "Your tenant's storage is full",
    about:
      "Your tenant has reached its limit of stored bytes, or of clients with stored notifications. No new notification of this request was accepted.",
    fix: "Send it again after Retry-After, when clients have read. Give notifications that go stale a ttl: they make room by themselves. An operator can raise the limits `storedBytes` and `storedClients`.",
  },
  busy: {
    status: 503,
    title: "Busy",
    about:
      "This server has as many requests, bytes of bodies or connections as it may. Nothing of this request was done.",
    fix: "Send the same again after Retry-After. If it goes on, run more of these servers.",
  },
  unavailable: {
    status: 503,
    title: "Not available now",
    about:
      "The service is starting or ending, or it cannot reach a store that it needs, or your token cannot be checked: its issuer's keys are not there, or too many tokens wait for them. Nothing of this request was done, and nothing will be later.",
    fix: "Send the same again after Retry-After.",
  },
  "upgrade-unfinished": {
    status: 503,
    title: "The platform's upgrade is not finished",
    about:
      "Services of the version before may still run, and would not understand this. Nothing of this request was done.",
    fix: "Let an operator of the platform run `provision --finish-upgrade` when every service has the new version. Then send the same again.",
  },
  "outcome-unknown": {
    status: 503,
    title: "It is not known whether this was accepted",
    about: "It was given to Kafka, which has not answered in time. It may have been accepted or not.",
    fix: "Send the same again after Retry-After. With the same id or Idempotency-Key that is harmless: it is delivered once. Without either it may be delivered twice.",
  },
  "replay-pending": {
    status: 503,
    title: "Replay pending",
    about: "The stored notifications cannot be read at the moment, so it is not known whether there are any.",
    fix: "Repeat the poll with the same cursor after Retry-After.",
  },
  conflict: {
    status: 409,
    title: "It cannot be done",
    about: "The request does not fit the present state. `detail` says what stands in its way.",
    fix: "Change the state first, or send another request.",
  },
  "already-written": {
    status: 409,
    title: "It is already written",
    about: "The publication ended before your request. `written` says how many notifications it has.",
    fix: "To take them back, publish a notification with `retract: true` and their `collapse` key to the same target.",
  },
  "cannot-redrive": {
    status: 409,
    title: "It cannot be redriven",
    about: "The dead letter has no topic or partition on this platform to which it could go back.",
    fix: "Read its content, and publish its notifications again.",
  },
  "upgrade-required": {
    status: 426,
    title: "Upgrade required",
    about: "This address speaks WebSocket (RFC 6455, version 13) only, and the request was no such upgrade.",
    fix: "Use a WebSocket client. A proxy on the way must pass on Upgrade and Connection. Without WebSocket use /v1/sse or /v1/poll.",
  },
  "too-slow": {
    status: 408,
    title: "Too slow",
    about: "The head or the body was not complete in time. Nothing of this request was done.",
    fix: "Send less in one request, or over a faster line.",
  },
  "length-required": {
    status: 411,
    title: "Length required",
    about: "The body comes in chunks, which this port does not take.",
    fix: "Send the body with a Content-Length.",
  },
  "expectation-failed": {
    status: 417,
    title: "Expectation failed",
    about: "The header Expect asks for something that is not known here.",
    fix: "Send no Expect header, or `Expect: 100-continue`.",
  },
  "version-not-supported": {
    status: 505,
    title: "Version not supported",
    about: "This port speaks HTTP/1.1 and HTTP/1.0.",
    fix: "Send the request in HTTP/1.1. A proxy in front can speak HTTP/2 to its clients.",
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
    about: "There is nothing at this address, or nothing of this name.",
    fix: "/docs lists what there is.",
  },
  internal: {
    status: 500,
    title: "Internal error",
    about: "Something went wrong here that should not. It has been logged.",
    fix: "Send the same again, to the receiver with the same id or Idempotency-Key.",
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemName = keyof typeof PROBLEM_TYPES;
