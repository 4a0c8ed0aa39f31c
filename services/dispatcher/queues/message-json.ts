import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { QueueMessage } from "@saasaparilla/shared/postgres/queue-store.ts";

const CLOSE = Buffer.from("}");

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
