import { isUtf8 } from "node:buffer";

/** A run of percent-encoded bytes. */
const ESCAPED = /(?:%[\da-f]{2})+/gi;
/** Found in texts of a parser that reads each byte as one character. */
const BEYOND_ASCII = /[^\0-\x7f]/;

/** Whether the percent-encoded bytes of a path or query are UTF-8. A decoder would replace other bytes by U+FFFD. */
export function isDecodable(text: string): boolean {
  if (!text.includes("%")) return true;
  return (text.match(ESCAPED) ?? []).every((run) => isUtf8(Buffer.from(run.replaceAll("%", ""), "hex")));
}

/** Whether a text that a parser read as one character a byte is UTF-8. */
export function isUtf8Latin1(text: string): boolean {
  return !BEYOND_ASCII.test(text) || isUtf8(Buffer.from(text, "latin1"));
}

/** Whether a header Content-Encoding leaves the body unchanged. */
export function isIdentity(encoding: string | undefined): boolean {
  return encoding === undefined || encoding.split(",").every((one) => /^(identity)?$/i.test(one.trim()));
}
