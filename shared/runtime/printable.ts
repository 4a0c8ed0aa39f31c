/**
 * Controls, formatting, halves of surrogate pairs, private and unassigned characters, and separators except a space.
 */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/**
 * Strangers' text for a terminal. It cannot end a line, move the cursor, or change colours or the direction of text.
 */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** Our own text of several lines, with strangers' words in it. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** One field of a line, quoted if it could be read as several. */
export function field(text: string): string {
  return /^[\x21-\x7e]*$/.test(text) && !/["\\]/.test(text) ? text : printable(JSON.stringify(text));
}

/** Equivalent JSON in printable characters. Line feeds between its members stay. */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent) as string | undefined;
  return printableLines(text ?? "null");
}

/** An escape as JSON writes it. */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
  ).join("");
}
