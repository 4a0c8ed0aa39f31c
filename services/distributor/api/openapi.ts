import { Schemas, type JsonSchema } from "@saasaparilla/shared/http/openapi/schemas.ts";
import {
  describeService,
  type Openapi,
  type Operation,
  type Parameter,
} from "@saasaparilla/shared/http/openapi/document.ts";
import { acknowledgement, pollAnswer, ticketAnswer } from "./frame-schemas.ts";

const STRING: JsonSchema = { type: "string" };

const query = (name: string, description: string, schema: JsonSchema = STRING): Parameter => ({
  name,
  in: "query",
  required: false,
  description,
  schema,
});

/** The position from which a connection continues (R5, R6). */
const FROM: Parameter[] = [
  {
    name: "Last-Event-ID",
    in: "header",
    required: false,
    description: "The cursor. It takes precedence over the query.",
    schema: STRING,
  },
  query("lastEventId", "The cursor, in the form that polyfills of EventSource send."),
  query(
    "cursor",
    "The cursor of the last handled notification. Without it, delivery starts with the oldest stored one.",
  ),
];
const ACK = query("ack", "`explicit`: the client sends acknowledgements (R21).", {
  type: "string",
  enum: ["explicit"],
});

const RETRACT = query("retract", "`true`: the client takes frames of the type `retract` (R61).", {
  type: "string",
  enum: ["true"],
});

export function openapi(): Openapi {
  const schemas = new Schemas();
  return describeService({
    title: "subscribe",
    description:
      "Receive a client's notifications by WebSocket, server-sent events or long poll. /asyncapi.json describes the frames and events. PROTOCOL.md has the rules (R1, R2 and so on).",
    port: 8081,
    tags: { subscribe: "Receive notifications, and acknowledge them." },
    security: { client: "A token of the client, with its tenant and the scope `subscribe`." },
    schemas,
    operations: [...streams(schemas), ...requests(schemas)],
  });
}

function streams(schemas: Schemas): Operation[] {
  const poll = schemas.ref("PollAnswer", pollAnswer);
  const common = { method: "get", tag: "subscribe", security: "client" } as const;
  return [
    {
      ...common,
      id: "openWebSocket",
      path: "/v1/ws",
      summary: "Open a WebSocket",
      description:
        "An upgrade to WebSocket, version 13, with the subprotocol `notifications.v1.json`. A browser sends its token as a second subprotocol, `bearer.<token>`.",
      parameters: [
        ...FROM,
        ACK,
        RETRACT,
        {
          name: "Sec-WebSocket-Protocol",
          in: "header",
          required: false,
          description: "`notifications.v1.json`, and `bearer.<token>` if you cannot send the header Authorization.",
          schema: STRING,
        },
      ],
      answers: { 101: { description: "The WebSocket is open." } },
      problems: ["upgrade-required", "busy"],
      headers: {
        426: {
          Upgrade: { description: "`websocket`", schema: STRING },
          "Sec-WebSocket-Version": { description: "`13`", schema: STRING },
        },
      },
    },
    {
      ...common,
      id: "openStream",
      path: "/v1/sse",
      summary: "Open a stream of server-sent events",
      description:
        "The stream stays open, with a comment at each heartbeat. HEAD gets the headers of GET and opens no stream.",
      parameters: [...FROM, ACK, RETRACT, query("ticket", "Replaces the token for a browser's EventSource (R47).")],
      answers: { 200: { description: "Events.", content: { "text/event-stream": { schema: STRING } } } },
      problems: ["busy"],
    },
    {
      ...common,
      id: "poll",
      path: "/v1/poll",
      summary: "Wait for notifications",
      description:
        "Returns as soon as a notification is available, or after `wait` seconds. HEAD returns at once, and does not count as a poll.",
      parameters: [
        ...FROM,
        RETRACT,
        query("wait", "Seconds.", { type: "number", minimum: 0, maximum: 60, default: 25 }),
      ],
      answers: {
        200: { description: "The available notifications.", content: { "application/json": { schema: poll } } },
      },
      problems: ["busy", "replay-pending"],
    },
  ];
}

function requests(schemas: Schemas): Operation[] {
  const ack = schemas.ref("Acknowledgement", acknowledgement);
  const ticket = schemas.ref("Ticket", ticketAnswer);
  const common = { method: "post", tag: "subscribe", security: "client" } as const;
  return [
    {
      ...common,
      id: "acknowledge",
      path: "/v1/acks",
      summary: "Acknowledge everything up to a cursor",
      description:
        "Works for notifications from any connection. `{}` acknowledges nothing, and tells you why a WebSocket does not open (R9).",
      body: { required: true, content: { "application/json": { schema: ack } } },
      answers: { 204: { description: "The acknowledgement was accepted." } },
      problems: ["busy", "too-large", "too-slow", "length-required", "unsupported-media-type"],
    },
    {
      ...common,
      id: "createTicket",
      path: "/v1/tickets",
      summary: "Get a ticket for one stream",
      description: "For EventSource in a browser, which cannot send headers. A ticket opens one stream, once (R47).",
      answers: { 201: { description: "The ticket.", content: { "application/json": { schema: ticket } } } },
      problems: ["busy", "too-large", "too-slow", "length-required", "unsupported-media-type"],
    },
  ];
}
