/** RFC 3339, 5.6. */
const FORM =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** The time of a text of RFC 3339 with an offset, in ms since 1970. Undefined if it is none. A leap second is the next second. */
export function timeOf(text: string): number | undefined {
  const found = FORM.exec(text);
  if (!found) return undefined;
  const [, year, month, day] = found.map(Number) as [number, number, number, number];
  // Date.parse takes February 30 for March 2.
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || month > 12) return undefined;
  const leap = text.slice(17, 19) === "60";
  const time = Date.parse((leap ? `${text.slice(0, 17)}59${text.slice(19)}` : text).toUpperCase());
  return Number.isNaN(time) ? undefined : time + (leap ? 1_000 : 0);
}
