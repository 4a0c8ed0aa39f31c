import { setImmediate as turn } from "node:timers/promises";
import { readJson } from "@saasaparilla/shared/http/read-json.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { ackBody } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { clientKey, cursorTag, fromCursor, partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { Hub } from "#sessions/hub.ts";
import type { ControlProducer } from "#sessions/control-producer.ts";

export interface AckParts {
  hub: Hub;
  controlProducer: ControlProducer;
  partitions: number;
}

/** POST /v1/acks: the client has everything up to the cursor, regardless of its connection (R22). */
export async function acknowledge(
  identity: Identity,
  body: Buffer,
  { hub, controlProducer, partitions }: AckParts,
): Promise<HttpResponse> {
  const key = clientKey(identity.tenant, identity.subject);
  const read = readJson(body);
  const sequence = "wrong" in read ? undefined : cursorOf(read.value, cursorTag(key));
  if (sequence === undefined) {
    return problemResponse(
      problemOf("invalid-request", "The body has no valid cursor of this client.", {
        errors: [
          {
            pointer: "/cursor",
            detail: "wrong" in read ? read.wrong : "It is missing, or was not issued to this client.",
            expected: 'an object with the cursor of a notification: {"cursor": "..."}',
            fix: "Send the cursor of the last notification that you handled, unchanged.",
          },
        ],
      }),
    );
  }
  // In a turn of its own, because the turn's end writes to the client's stream. If that happens during the library's
  // handling of this request, the library may treat this connection as one to close.
  await turn();
  // A connection here that received the cursor confirms it, and tells the client's next director.
  for (const connection of hub.ofClient(key)) hub.step(connection, { type: "ack", sequence });
  // The director settles and deletes up to the cursor, after it has checked that the cursor is from its topic.
  controlProducer.ack(partitionOf(key, partitions), key, 0, sequence);
  return { status: 204 };
}

/**
 * R9: the body has no cursor; the client asks why its WebSocket did not open. No other body is as short as `{}`, so it
 * need not be read.
 */
export function asksWhy({ route, headers }: Request): boolean {
  return route === "/v1/acks" && /^[2-4]$/.test(headers["content-length"] ?? "");
}

function cursorOf(value: unknown, tag: string): string | undefined {
  const { data } = ackBody.safeParse(value);
  return data && fromCursor(data.cursor, tag);
}
