import { toCursor } from "@saasaparilla/shared/notification.ts";
import { notificationBody } from "@saasaparilla/shared/pack.ts";
import type { Row } from "./session.ts";

let lastMs = -1;
let lastIso = "";

/** A notification as a client gets it on every transport (R15). The payload is copied as the publisher wrote it. */
export function encode({ sequence, appended, body }: Row, tag: string): Buffer {
  if (appended !== lastMs) {
    lastMs = appended;
    lastIso = new Date(appended).toISOString();
  }
  const event = notificationBody.event(body);
  const traceparent = notificationBody.traceparent(body);
  const head =
    `{"type":"notification","id":"${notificationBody.id(body)}","cursor":"${toCursor(sequence, tag)}","publishedAt":"${lastIso}"` +
    (event === "" ? "" : `,"event":${JSON.stringify(event)}`) +
    (traceparent === "" ? "" : `,"traceparent":${JSON.stringify(traceparent)}`) +
    ',"data":';
  const payload = notificationBody.payload(body);
  const json = Buffer.allocUnsafe(head.length + payload.length + 1);
  json.write(head, 0, "latin1");
  payload.copy(json, head.length);
  json[json.length - 1] = 0x7d;
  return json;
}
