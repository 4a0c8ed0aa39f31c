import { isUtf8 } from "node:buffer";

/** The JSON value of a request body, or why it is not JSON. */
export function readJson(text: Buffer): { value: unknown } | { wrong: string } {
  const mark = markOf(text);
  if (mark !== undefined) return { wrong: `It begins with a byte order mark (${mark}). Send UTF-8 without one.` };
  return isUtf8(text) ? parseJson(text.toString()) : { wrong: "It is not UTF-8." };
}

export function parseJson(text: string): { value: unknown } | { wrong: string } {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { wrong: text.length === 0 ? "It is empty." : `${(error as SyntaxError).message}.` };
  }
}

/** Editors and PowerShell write byte order marks. JSON has none (RFC 8259, 8.1), and no parser names them. */
function markOf(text: Buffer): string | undefined {
  const [first, second, third] = text;
  if (first === 0xef && second === 0xbb && third === 0xbf) return "EF BB BF, of UTF-8";
  if (first === 0xff && second === 0xfe) return "FF FE, of UTF-16";
  if (first === 0xfe && second === 0xff) return "FE FF, of UTF-16";
  return undefined;
}
