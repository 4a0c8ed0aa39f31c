import { CLIENT_FORM, NAME_FORM } from "./notification.ts";

/**
 * Options of a notification that most notifications do not have. Each is type u8, length u16, value. A reader skips
 * types that it does not know, so a later version can add one.
 */
export interface NotificationOptions {
  /** JSON text of an object of at most 32 scalars: bindings of exchanges match them, and readers of queues see them. */
  headers?: string;
  /** Of the waiting notifications of one client with this key, only the last one is delivered. */
  collapse?: string;
  /** Takes back the notifications with the same collapse key. */
  retract?: boolean;
  /** The name of the queue that gets the outcome. */
  outcomes?: string;
}

/** The options that decide how a notification ends. */
export type EndOptions = Omit<NotificationOptions, "headers">;

const Type = { HEADERS: 1, COLLAPSE: 2, RETRACT: 3, OUTCOMES: 4 } as const;
const OPTION_HEADER = 3;

/** The limit of `headers`, as JSON text. */
export const MAX_HEADERS_BYTES = 8 * 1024;
export const MAX_HEADERS = 32;
/** The same form as a client's id. */
export const COLLAPSE_FORM = CLIENT_FORM;

const NOTHING = Buffer.alloc(0);

/** Empty if no option is set. */
export function writeOptions({ headers, collapse, retract, outcomes }: NotificationOptions): Buffer {
  const parts: Buffer[] = [];
  const add = (type: number, value: Buffer): void => {
    const head = Buffer.allocUnsafe(OPTION_HEADER);
    head.writeUInt8(type, 0);
    head.writeUInt16BE(value.length, 1);
    parts.push(head, value);
  };
  if (headers !== undefined) add(Type.HEADERS, Buffer.from(headers));
  if (collapse !== undefined) add(Type.COLLAPSE, Buffer.from(collapse, "latin1"));
  if (retract === true) add(Type.RETRACT, NOTHING);
  if (outcomes !== undefined) add(Type.OUTCOMES, Buffer.from(outcomes, "latin1"));
  return Buffer.concat(parts);
}

/** The bytes must have passed `optionsProblem`. */
export function readOptions(bytes: Buffer): NotificationOptions {
  const options: NotificationOptions = {};
  for (let at = 0; at < bytes.length;) {
    const type = bytes[at]!;
    const start = at + OPTION_HEADER;
    at = start + bytes.readUInt16BE(at + 1);
    if (type === Type.HEADERS) options.headers = bytes.toString("utf8", start, at);
    else if (type === Type.COLLAPSE) options.collapse = bytes.toString("latin1", start, at);
    else if (type === Type.RETRACT) options.retract = true;
    else if (type === Type.OUTCOMES) options.outcomes = bytes.toString("latin1", start, at);
  }
  return options;
}

/** What is wrong with the bytes, or undefined. */
export function optionsProblem(bytes: Buffer): string | undefined {
  for (let at = 0; at < bytes.length;) {
    if (at + OPTION_HEADER > bytes.length || at + OPTION_HEADER + bytes.readUInt16BE(at + 1) > bytes.length)
      return "an option that is cut off";
    at += OPTION_HEADER + bytes.readUInt16BE(at + 1);
  }
  const { headers, collapse, retract, outcomes } = readOptions(bytes);
  if (headers !== undefined && !areHeaders(headers)) return "headers that are not an object of scalars";
  if (collapse !== undefined && !COLLAPSE_FORM.test(collapse)) return "a collapse key of no known form";
  if (retract === true && collapse === undefined) return "a retract without a collapse key";
  if (outcomes !== undefined && !NAME_FORM.test(outcomes)) return "outcomes for a queue of no known form";
  return undefined;
}

function areHeaders(text: string): boolean {
  // A line break would split an event of SSE.
  if (/[\r\n]/.test(text)) return false;
  try {
    const headers = JSON.parse(text) as unknown;
    if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return false;
    const values = Object.values(headers);
    return values.length <= MAX_HEADERS && values.every((value) => value === null || typeof value !== "object");
  } catch {
    return false;
  }
}
