import { isUtf8 } from "node:buffer";

/** A run of bytes that are percent-encoded. */
const ESCAPED = /(?:%[\da-f]{2})+/gi;
/** Of a parser that reads each byte as one character. */
const BEYOND_ASCII = /[^\0-\x7f]/;

/** Whether the percent-encoded bytes of a path or query are UTF-8. A decoder would put U+FFFD in the place of others. */
export function isDecodable(text: string): boolean {
  if (!text.includes("%")) return true;
  return (text.match(ESCAPED) ?? []).every((run) => isUtf8(Buffer.from(run.replaceAll("%", ""), "hex")));
}

/** Whether what a parser read as one character a byte is UTF-8. */
export function isUtf8Latin1(text: string): boolean {
  return !BEYOND_ASCII.test(text) || isUtf8(Buffer.from(text, "latin1"));
}

/** Whether a header Content-Encoding leaves the body as it is. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding.split(",").every((one) => /^(identity)?$/i.test(one.trim()));
}
