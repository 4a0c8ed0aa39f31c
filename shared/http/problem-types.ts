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
    about: "The body, or this line of the body, is not valid JSON in UTF-8.",
    fix: "Send JSON in UTF-8 without a byte order mark. Write it with a JSON library.",
  },
  "invalid-shape": {
    status: 400,
    title: "Not the expected shape",
    about: "A member is missing, is unknown, or has the wrong type.",
    fix: "Each entry of `errors` has a JSON pointer to the member, the expected value, and the fix. /openapi.json has the whole schema.",
  },
  "invalid-value": {
    status: 422,
    title: "A value is not allowed",
    about:
      "The structure is right, but a value is outside its range. For a value in the path or the query, the status is 400.",
    fix: "`detail`, or each entry of `errors`, names the value and the expected range. Correct it and send the request again.",
  },
  "invalid-request": {
    status: 400,
    title: "Invalid request",
    about: "The request's head, query or body framing is malformed or ambiguous.",
    fix: "`detail` says what is wrong. If an HTTP library wrote the request, check the proxies on the way: one of them may change it.",
  },
  "too-large": {
    status: 413,
    title: "Too large",
    about:
      "One notification's data, the number of items, or the whole body exceeds its limit. If the head is too large, the status is 431.",
    fix: "Send fewer items in one request. If the data is too large, send a link that the client can fetch. If the head is too large, send fewer cookies or a shorter token.",
  },
  "unsupported-media-type": {
    status: 415,
    title: "Unsupported media type",
    about: "The content type is neither JSON, NDJSON nor CloudEvents, or the body is compressed.",
    fix: "Set Content-Type to application/json, to application/x-ndjson for one object per line, or to application/cloudevents+json. Omit Content-Encoding, or set it to `identity`.",
  },
  forbidden: {
    status: 403,
    title: "Forbidden",
    about:
      "The token or key is missing, not valid, or does not allow this. The response does not say which, for security.",
    fix: "Send `Authorization: Bearer <token>` with a valid token or key that allows this. The operator finds the reason in the audit log.",
  },
  "client-forbidden": {
    status: 403,
    title: "Client not allowed",
    about: "Your token or key may publish, but not to this client.",
    fix: "Use a token or key whose client patterns match this client. Your tenant's operator can grant one.",
  },
  "target-forbidden": {
    status: 403,
    title: "Target not allowed",
    about:
      "Your token or key may publish, but not to this queue, group or exchange. Only the platform publishes to the queues of actions and endpoints.",
    fix: "Use a token or key whose `targets` match. Your tenant's operator can grant one. `trust: scopes` gives no targets.",
  },
  "cursor-forbidden": {
    status: 403,
    title: "Cursor of another client",
    about: "The cursor was issued to another client. Nothing was read or marked.",
    fix: "Send a cursor from the list of the client that your token names. Another token for the same client gets the same answer.",
  },
  "unknown-target": {
    status: 422,
    title: "Unknown target",
    about:
      "Your tenant has no exchange of this name, or the target has an invalid form. Queues and groups need not be created.",
    fix: "Correct the name, or ask your tenant's operator to create the exchange.",
  },
  "id-reused": {
    status: 422,
    title: "Id already used",
    about: "An earlier notification with this id had different content.",
    fix: "Give each notification a unique id. Repeat an id only to retry the same content.",
  },
  "key-reused": {
    status: 422,
    title: "Idempotency-Key already used",
    about: "You used this key before with a different body, and at least one item of that request was accepted.",
    fix: "Use a new key for each new request. Repeat a key only with the same media type and body.",
  },
  "in-progress": {
    status: 409,
    title: "Still in progress",
    about:
      "An earlier request with the same id or Idempotency-Key is still being processed, or its outcome is not known yet.",
    fix: "Wait for Retry-After, then send the same request again.",
  },
  "rate-limited": {
    status: 429,
    title: "Too many requests",
    about: "You, your tenant or your address exceeded a limit of requests or connections. The request had no effect.",
    fix: "Send the same request again after Retry-After. The header RateLimit-Policy, if present, has your limits, and RateLimit has the remaining quota.",
  },
  "client-full": {
    status: 429,
    title: "The inbox is full",
    about:
      "A client or queue has reached your tenant's limit of unread notifications. This notification was not accepted. `errors` name the client or queue.",
    fix: "Send it again after Retry-After, or when the client has read. Set `ttl` on notifications that go stale: they expire and free space.",
  },
  "tenant-full": {
    status: 429,
    title: "Your tenant's storage is full",
    about:
      "Your tenant has reached its limit of stored bytes, or of clients with stored notifications. No new notification in this request was accepted.",
    fix: "Send it again after Retry-After, when clients have read. Set `ttl` on notifications that go stale: they expire and free space. An operator can raise the limits `storedBytes` and `storedClients`.",
  },
  busy: {
    status: 503,
    title: "Busy",
    about: "This server has reached its limit of requests, bytes or connections. The request had no effect.",
    fix: "Send the same request again after Retry-After. If this continues, run more instances of this service.",
  },
  unavailable: {
    status: 503,
    title: "Temporarily unavailable",
    about:
      "The service is starting or shutting down, cannot reach a store that it needs, or cannot fetch the keys to check your token. The request had no effect and will have none later.",
    fix: "Send the same request again after Retry-After.",
  },
  "upgrade-unfinished": {
    status: 503,
    title: "Upgrade not finished",
    about:
      "Services of the previous version may still run, and do not understand this request. The request had no effect.",
    fix: "Ask the operator of the platform to run `provision --finish-upgrade` once every service has the new version. Then send the same request again.",
  },
  "outcome-unknown": {
    status: 503,
    title: "Outcome unknown",
    about: "Kafka did not answer in time, so the notification may or may not have been accepted.",
    fix: "Send the same request again after Retry-After, with the same id or Idempotency-Key: the notification is then delivered once. Without either, it may be delivered twice.",
  },
  "replay-pending": {
    status: 503,
    title: "Replay pending",
    about: "The client's stored notifications cannot be read at the moment.",
    fix: "Repeat the poll with the same cursor after Retry-After.",
  },
  conflict: {
    status: 409,
    title: "Conflict with the current state",
    about: "The current state does not allow this request. `detail` says why.",
    fix: "Change the state that `detail` names, then send the request again.",
  },
  "already-written": {
    status: 409,
    title: "Already written",
    about: "The publication ended before your request. `written` is the number of its notifications.",
    fix: "To withdraw them, publish a notification with `retract: true` and their `collapse` key to the same target.",
  },
  "cannot-redrive": {
    status: 409,
    title: "Cannot be redriven",
    about: "The dead letter's topic or partition does not exist on this platform, so it cannot go back there.",
    fix: "Read its content and publish its notifications again.",
  },
  "upgrade-required": {
    status: 426,
    title: "Upgrade required",
    about: "This URL accepts only WebSocket upgrades (RFC 6455, version 13).",
    fix: "Use a WebSocket client. Proxies on the way must forward the headers Upgrade and Connection. Without WebSocket, use /v1/sse or /v1/poll.",
  },
  "too-slow": {
    status: 408,
    title: "Too slow",
    about: "The head or the body did not arrive in time. The request had no effect.",
    fix: "Send less in one request, or use a faster connection.",
  },
  "length-required": {
    status: 411,
    title: "Length required",
    about: "This port does not accept chunked bodies.",
    fix: "Send the body with a Content-Length.",
  },
  "expectation-failed": {
    status: 417,
    title: "Expectation failed",
    about: "The header Expect has an unknown value.",
    fix: "Send no Expect header, or `Expect: 100-continue`.",
  },
  "version-not-supported": {
    status: 505,
    title: "Version not supported",
    about: "This port supports HTTP/1.1 and HTTP/1.0.",
    fix: "Send the request with HTTP/1.1. A proxy in front can offer HTTP/2 to its clients.",
  },
  "token-in-query": {
    status: 400,
    title: "Token in the query",
    about: "A token in a URL is refused, because logs and browser histories keep URLs.",
    fix: "Send a new token as `Authorization: Bearer <token>`. Stop using this one: others may have read it in a log.",
  },
  "method-not-allowed": {
    status: 405,
    title: "Method not allowed",
    about: "This URL exists, but does not support this method.",
    fix: "Use one of the methods in the header Allow.",
  },
  "not-found": {
    status: 404,
    title: "Not found",
    about: "This URL or this name does not exist.",
    fix: "/docs lists the API of this service.",
  },
  "no-inbox": {
    status: 404,
    title: "No inbox",
    about: "Your tenant has no inbox, so there is no list and nothing to mark.",
    fix: 'Ask your tenant\'s operator to name the events of its inbox, as `inbox: {"events": ["*"]}` in the tenant\'s document.',
  },
  internal: {
    status: 500,
    title: "Internal error",
    about: "The service failed unexpectedly and logged the error.",
    fix: "Send the same request again. To publish, use the same id or Idempotency-Key.",
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemName = keyof typeof PROBLEM_TYPES;
