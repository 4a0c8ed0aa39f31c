import { SUBPROTOCOL } from "@saasaparilla/shared/protocol/client-frames.ts";
import { Schemas, type JsonSchema } from "@saasaparilla/shared/http/openapi/schemas.ts";
import type { z } from "zod";
import { batchFrame, clientFrames, pollAnswer, pongFrame, serverFrames } from "./frame-schemas.ts";

interface Message {
  name: string;
  title: string;
  contentType: string;
  payload: JsonSchema;
}

const reference = (to: string) => ({ $ref: `#/${to}` });

/**
 * The streams as an AsyncAPI 3 document: the distributor's frames, and the client's frames on a WebSocket.
 * /openapi.json describes their requests.
 */
interface Channel {
  address: string;
  title: string;
  description: string;
  servers: string[];
  /** The names of its messages. */
  names: string[];
}

export function asyncapi() {
  const schemas = new Schemas();
  const messages: Record<string, Message> = {};
  const message = (name: string, schema: z.ZodType): void => {
    const payload = schemas.ref(name, schema);
    messages[name] = { name, title: name, contentType: "application/json", payload };
  };
  for (const [name, schema] of Object.entries({ ...serverFrames, ...clientFrames })) message(name, schema);
  message("Notifications", batchFrame);
  message("Pong", pongFrame);
  message("PollAnswer", pollAnswer);
  const server = Object.keys(serverFrames);
  const client = Object.keys(clientFrames);
  const channel = ({ address, title, description, servers, names }: Channel) => ({
    address,
    title,
    description,
    servers: servers.map((one) => reference(`servers/${one}`)),
    messages: Object.fromEntries(names.map((name) => [name, reference(`components/messages/${name}`)])),
  });
  const operation = (action: "send" | "receive", id: string, summary: string, names: string[]) => ({
    action,
    summary,
    description: `${summary}. PROTOCOL.md has the rules.`,
    channel: reference(`channels/${id}`),
    messages: names.map((name) => reference(`channels/${id}/messages/${name}`)),
  });
  const overWebSocket = [...server, "Notifications", "Pong"];
  return {
    asyncapi: "3.0.0",
    id: "urn:saasaparilla:notifications:distributor",
    info: {
      title: "SaaSaparilla Notifications: subscribe",
      version: "1",
      description: "The streams of the distributor. R1, R2 and so on are rules in PROTOCOL.md.",
      contact: { name: "The platform's operator" },
      license: { name: "Apache License 2.0" },
      tags: [{ name: "subscribe", description: "Receive notifications, and acknowledge them." }],
    },
    defaultContentType: "application/json",
    servers: {
      websocket: serverOf("ws", "WebSocket, in the local stack"),
      http: serverOf("http", "SSE and long polls, in the local stack"),
    },
    channels: {
      websocket: channel({
        address: "/v1/ws",
        title: "WebSocket",
        description: `Text frames with one JSON object each. Subprotocols: \`${SUBPROTOCOL}\`, and \`bearer.<token>\` if you cannot send headers.`,
        servers: ["websocket"],
        names: [...overWebSocket, ...client],
      }),
      sse: channel({
        address: "/v1/sse",
        title: "Server-sent events",
        description: "`event:` is the type, `data:` the JSON object, and `id:` the cursor, if it has one.",
        servers: ["http"],
        names: server,
      }),
      poll: channel({
        address: "/v1/poll",
        title: "Long poll",
        description: "Each response to a poll is one message.",
        servers: ["http"],
        names: ["PollAnswer"],
      }),
    },
    operations: {
      sendFrames: operation("send", "websocket", "Frames from the distributor on a WebSocket", overWebSocket),
      receiveFrames: operation("receive", "websocket", "Frames from the client on a WebSocket", client),
      sendEvents: operation("send", "sse", "Events from the distributor on a stream", server),
      answerPolls: operation("send", "poll", "Response to a poll", ["PollAnswer"]),
    },
    components: {
      messages,
      schemas: schemas.all,
      securitySchemes: {
        client: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description: "A token of the client with the scope `subscribe`.",
        },
      },
    },
  };
}

function serverOf(protocol: "ws" | "http", description: string) {
  return {
    host: "localhost:8081",
    protocol,
    description,
    security: [reference("components/securitySchemes/client")],
  };
}
