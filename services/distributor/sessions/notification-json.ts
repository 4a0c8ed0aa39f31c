import { CURSOR_LENGTH, START, toCursor } from "@saasaparilla/shared/protocol/notification.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { UUID_LENGTH, writeUuid } from "@saasaparilla/shared/protocol/uuid.ts";
import type { Row } from "./session.ts";

const ID = '{"type":"notification","id":"';
const CURSOR = '","cursor":"';
const DATA = ',"data":';
const CLOSE_BRACE = 0x7d;
const ID_AT = ID.length;
const CURSOR_AT = ID_AT + UUID_LENGTH + CURSOR.length;
const TAG_AT = CURSOR_AT + START.length;

const DAY_MS = 86_400_000;
const TIME = "00:00:00.000Z";
const ZERO = 0x30;

/**
 * The common part of everything that the broker appended on one day (UTC). It has space for id, cursor and time of day.
 */
function headOf(day: number): Buffer {
  const room = `${ID}${"-".repeat(UUID_LENGTH)}${CURSOR}${"-".repeat(CURSOR_LENGTH)}`;
  return Buffer.from(`${room}","publishedAt":"${new Date(day * DAY_MS).toISOString()}"${DATA}`);
}

let headDay = 0;
let head = headOf(headDay);

/**
 * A notification in the form that a client receives on every transport (R15). The payload is a copy of the publisher's
 * text.
 */
export function notificationJson({ sequence, appended, body }: Row, tag: string): Buffer {
  const day = Math.floor(appended / DAY_MS);
  if (day !== headDay) {
    headDay = day;
    head = headOf(day);
  }
  const more = membersOf(body);
  const payload = notificationBody.payloadAt(body);
  // Only headers can have other characters than ASCII.
  const start = head.length + (notificationBody.hasOptions(body) ? Buffer.byteLength(more) : more.length);
  const json = Buffer.allocUnsafe(start + body.length - payload + 1);
  head.copy(json);
  writeUuid(body, 0, json, ID_AT);
  json.write(sequence, CURSOR_AT, "latin1");
  json.write(tag, TAG_AT, "latin1");
  writeTime(appended - day * DAY_MS, json, head.length - DATA.length - 1 - TIME.length);
  if (more !== "") json.write(more + DATA, head.length - DATA.length);
  body.copy(json, start, payload);
  json[json.length - 1] = CLOSE_BRACE;
  return json;
}

/** Overwrites an existing time in place with HH:MM:SS.mmm of RFC 3339. */
function writeTime(ms: number, json: Buffer, at: number): void {
  const hours = Math.trunc(ms / 3_600_000);
  const minutes = Math.trunc(ms / 60_000);
  const seconds = Math.trunc(ms / 1_000);
  writeTwo(hours, json, at);
  writeTwo(minutes % 60, json, at + 3);
  writeTwo(seconds % 60, json, at + 6);
  const rest = Math.trunc(ms) % 1_000;
  json[at + 9] = ZERO + Math.trunc(rest / 100);
  writeTwo(rest % 100, json, at + 10);
}

function writeTwo(number: number, json: Buffer, at: number): void {
  json[at] = ZERO + Math.trunc(number / 10);
  json[at + 1] = ZERO + (number % 10);
}

/** The members that most notifications do not have. */
function membersOf(body: Buffer): string {
  const event = notificationBody.event(body);
  const traceparent = notificationBody.traceparent(body);
  return (
    (event === "" ? "" : `,"event":${JSON.stringify(event)}`) +
    (traceparent === "" ? "" : `,"traceparent":${JSON.stringify(traceparent)}`) +
    (notificationBody.hasOptions(body) ? optionsOf(body) : "")
  );
}

/** Headers are a copy of the publisher's text. It is an object of scalars, checked when it was accepted. */
function optionsOf(body: Buffer): string {
  const { collapse, headers } = notificationBody.options(body)!;
  return (
    (collapse === undefined ? "" : `,"collapse":${JSON.stringify(collapse)}`) +
    (headers === undefined ? "" : `,"headers":${headers}`)
  );
}

/** The frame of a retract, for a connection that asked for it (R61). */
export function retractJson({ sequence, body }: Row, tag: string): Buffer {
  const id = notificationBody.id(body);
  const { collapse } = notificationBody.options(body)!;
  return Buffer.from(JSON.stringify({ type: "retract", id, cursor: toCursor(sequence, tag), collapse }));
}
