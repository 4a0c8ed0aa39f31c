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
    description: "The cursor. It comes before those of the query.",
    schema: STRING,
  },
  query("lastEventId", "The cursor, as polyfills of EventSource send it."),
  query("cursor", "The cursor of what was handled last. Without one it begins with the oldest that is stored."),
];
const ACK = query("ack", "`explicit`: the client acknowledges by itself (R21).", {
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
      "Receive a client's notifications: by WebSocket, server-sent events or long poll. The frames and events themselves are described at /asyncapi.json, and the rules (R1, R2 and so on) in PROTOCOL.md.",
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
          description: "`notifications.v1.json`, and `bearer.<token>` where no Authorization can be sent.",
          schema: STRING,
        },
      ],
      answers: { 101: { description: "It is open." } },
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
        "It stays open, with a comment each heartbeat. HEAD is answered as a GET would be, and opens nothing.",
      parameters: [
        ...FROM,
        ACK,
        RETRACT,
        query("ticket", "In the place of a token, for a browser's EventSource (R47)."),
      ],
      answers: { 200: { description: "Events.", content: { "text/event-stream": { schema: STRING } } } },
      problems: ["busy"],
    },
    {
      ...common,
      id: "poll",
      path: "/v1/poll",
      summary: "Wait for notifications",
      description:
        "Answered as soon as there is something, or when `wait` is over. HEAD is answered at once, and neither begins nor continues a loop of polls.",
      parameters: [
        ...FROM,
        RETRACT,
        query("wait", "Seconds.", { type: "number", minimum: 0, maximum: 60, default: 25 }),
      ],
      answers: { 200: { description: "What there is.", content: { "application/json": { schema: poll } } } },
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
        "From whatever connection the notifications came. `{}` acknowledges nothing, and asks why a WebSocket does not open (R9).",
      body: { required: true, content: { "application/json": { schema: ack } } },
      answers: { 204: { description: "It is acknowledged." } },
      problems: ["busy", "too-large", "too-slow", "length-required", "unsupported-media-type"],
    },
    {
      ...common,
      id: "createTicket",
      path: "/v1/tickets",
      summary: "Get a ticket for one stream",
      description: "For a page whose EventSource can send no header. A ticket opens one stream, once (R47).",
      answers: { 201: { description: "The ticket.", content: { "application/json": { schema: ticket } } } },
      problems: ["busy", "too-large", "too-slow", "length-required", "unsupported-media-type"],
    },
  ];
}
