import { CURSOR_LENGTH, START } from "@saasaparilla/shared/notification.ts";
import { notificationBody } from "@saasaparilla/shared/pack.ts";
import { UUID_LENGTH, writeUuid } from "@saasaparilla/shared/uuid.ts";
import type { Row } from "./session.ts";

const ID = '{"type":"notification","id":"';
const CURSOR = '","cursor":"';
const DATA = ',"data":';
const CLOSE_BRACE = 0x7d;
const ID_AT = ID.length;
const CURSOR_AT = ID_AT + UUID_LENGTH + CURSOR.length;
const TAG_AT = CURSOR_AT + START.length;

/** What all that the broker appended in one ms have in common, with room for id and cursor. */
function headOf(appended: number): Buffer {
  const room = `${ID}${"-".repeat(UUID_LENGTH)}${CURSOR}${"-".repeat(CURSOR_LENGTH)}`;
  return Buffer.from(`${room}","publishedAt":"${new Date(appended).toISOString()}"${DATA}`);
}

let headMs = 0;
let head = headOf(headMs);

/** A notification as a client gets it on every transport (R15). The payload is copied as the publisher wrote it. */
export function encode({ sequence, appended, body }: Row, tag: string): Buffer {
  if (appended !== headMs) {
    headMs = appended;
    head = headOf(appended);
  }
  const more = membersOf(body);
  const payload = notificationBody.payloadAt(body);
  const start = head.length + more.length;
  const json = Buffer.allocUnsafe(start + body.length - payload + 1);
  head.copy(json);
  writeUuid(body, 0, json, ID_AT);
  json.write(sequence, CURSOR_AT, "latin1");
  json.write(tag, TAG_AT, "latin1");
  if (more !== "") json.write(more + DATA, head.length - DATA.length, "latin1");
  body.copy(json, start, payload);
  json[json.length - 1] = CLOSE_BRACE;
  return json;
}

/** Of what most do not have. */
function membersOf(body: Buffer): string {
  const event = notificationBody.event(body);
  const traceparent = notificationBody.traceparent(body);
  return (
    (event === "" ? "" : `,"event":${JSON.stringify(event)}`) +
    (traceparent === "" ? "" : `,"traceparent":${JSON.stringify(traceparent)}`)
  );
}
