import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { QueueMessage } from "@saasaparilla/shared/postgres/queue-store.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";

const COMMA = Buffer.from(",");
const CLOSE = Buffer.from("}");

/** An object with one list, of which each item ends with the publisher's own bytes. `more`: further members as text. */
export function listResponse(name: string, items: readonly Buffer[][], more = ""): HttpResponse {
  const parts: Buffer[] = [Buffer.from(`{"${name}":[`)];
  items.forEach((item, index) => {
    if (index > 0) parts.push(COMMA);
    parts.push(...item);
  });
  parts.push(Buffer.from(`]${more}}`));
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.concat(parts) };
}

/** `data` is last: byte for byte what the publisher wrote. */
export function messageJson({ appended, attempts, body }: QueueMessage, receipt: string): Buffer[] {
  const event = notificationBody.event(body);
  const traceparent = notificationBody.traceparent(body);
  const headers = notificationBody.options(body)?.headers;
  const members =
    `{"id":"${notificationBody.id(body)}","receipt":"${receipt}",` +
    (event === "" ? "" : `"event":"${event}",`) +
    (traceparent === "" ? "" : `"traceparent":"${traceparent}",`) +
    (headers === undefined ? "" : `"headers":${headers},`) +
    `"publishedAt":"${new Date(appended).toISOString()}","attempts":${attempts},"data":`;
  return [Buffer.from(members), notificationBody.payload(body), CLOSE];
}

export function changeJson({ appended, body }: QueueMessage): Buffer[] {
  const event = notificationBody.event(body);
  const members =
    `{"id":"${notificationBody.id(body)}","type":${event === "" ? "null" : `"${event}"`},` +
    `"createdAt":"${new Date(appended).toISOString()}","data":`;
  return [Buffer.from(members), notificationBody.payload(body), CLOSE];
}
