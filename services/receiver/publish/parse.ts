import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { pointed } from "#api/item-problems.ts";
import { refuse } from "#api/refusal.ts";
import { isAscii } from "node:buffer";
import { parseJson, readJson } from "@saasaparilla/shared/http/read-json.ts";
import { eventItem } from "./cloud-event-bodies.ts";
import { overgrown } from "./body-precheck.ts";
import { priced, refuseAmplified } from "./item-cost.ts";
import { check } from "./notification-check.ts";
import { isPlain, type Published } from "./notification-schema.ts";
import { newItem, prepare, withData, wrongItem, type Item, type ItemPlace, type ParseLimits } from "./item.ts";
import { JsonScanner } from "./json-scanner.ts";

/** Parameters such as `charset` change nothing: JSON is UTF-8. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** Shape first, then logic. Each item gets its own verdict. Only a body that cannot be split is refused as a whole. */
export function parse(contentType: string | undefined, body: Buffer, limits: ParseLimits): Item[] {
  const form = mediaTypeOf(contentType);
  if (!FORMS.has(form)) {
    refuse(
      "unsupported-media-type",
      contentType
        ? `The content type is ${JSON.stringify(contentType.slice(0, 80))}.`
        : "The header Content-Type is missing.",
    );
  }
  const items = form === "application/x-ndjson" ? parseLines(body, limits) : parseBody(form, body, limits);
  if (items.length === 0)
    refuseBody(
      "invalid-shape",
      "The body has no items.",
      "at least one notification",
      "Do not send a request without notifications.",
    );
  refuseRepeatedIds(items);
  refuseAmplified(items);
  return items;
}

const ONE_EVENT = "application/cloudevents+json";
const EVENTS = "application/cloudevents-batch+json";
const FORMS: ReadonlySet<string> = new Set(["application/json", "application/x-ndjson", ONE_EVENT, EVENTS]);

function parseBody(form: string, body: Buffer, limits: ParseLimits): Item[] {
  refuseOvergrown(body, limits);
  const parsed = readJson(body);
  if ("wrong" in parsed)
    refuseBody("not-json", parsed.wrong, "JSON text in UTF-8", "Write the body with a JSON library.");
  const read = form === "application/json" ? toItem : eventItem;
  const scanner = new JsonScanner(body);
  if (form === ONE_EVENT || !scanner.enterArray()) {
    if (form === EVENTS) refuseBody("invalid-shape", "It is not an array.", "an array of events", BATCH_FIX);
    return [priced(read({ index: 0, pointer: "", line: undefined }, parsed.value, scanner, limits), body.length)];
  }
  const values = parsed.value as unknown[];
  checkCount(values.length, limits);
  return values.map((value, index) => {
    const from = scanner.at;
    const item = read({ index, pointer: `/${index}`, line: undefined }, value, scanner, limits);
    return priced(item, scanner.at - from);
  });
}

const BATCH_FIX = "Send a single event as application/cloudevents+json.";

/** A line with invalid JSON is refused alone. Empty lines do not count. */
function parseLines(body: Buffer, limits: ParseLimits): Item[] {
  const items: Item[] = [];
  // If each byte is a character, as is usual, the lines are parts of one text.
  const ascii = isAscii(body) ? body.toString("latin1") : undefined;
  for (let start = 0, end, line = 1; start < body.length; start = end + 1, line += 1) {
    const lineFeed = body.indexOf(0x0a, start);
    end = lineFeed === -1 ? body.length : lineFeed;
    if (isBlank(body, start, end)) continue;
    const index = items.length;
    checkCount(index + 1, limits);
    const parsed = ascii === undefined ? readJson(body.subarray(start, end)) : parseJson(ascii.slice(start, end));
    const place = { index, pointer: `/${index}`, line };
    const item =
      "wrong" in parsed
        ? wrongItem(place, "not-json", "", {
            detail: parsed.wrong,
            expected: "one JSON object on each line",
            fix: "Write each line with a JSON library, without line breaks inside an object.",
          })
        : toItem(place, parsed.value, new JsonScanner(body, start), limits);
    items.push(priced(item, end - start));
  }
  return items;
}

function toItem(place: ItemPlace, value: unknown, scanner: JsonScanner, limits: ParseLimits): Item {
  // Always call this: the scanner moves to the next item with it.
  const span = scanner.member("data");
  const plain = isPlain(value);
  const wrong = plain ? undefined : check(value);
  if (wrong) {
    const { pointer, line } = place;
    const errors = wrong.errors.map((error) => ({ ...error, pointer: pointer + error.pointer, ...(line && { line }) }));
    const name = wrong.shape ? "invalid-shape" : "invalid-value";
    return newItem(place, undefined, problemOf(name, undefined, { errors, errorCount: wrong.errorCount }));
  }
  const published = value as Published;
  const item = newItem(place, published, "open");
  if (!plain) prepare(item, published);
  return span ? withData(item, scanner.text, span, limits) : item;
}

function refuseRepeatedIds(items: Item[]): void {
  const seen = new Map<string, Item>();
  for (const item of items) {
    const id = item.published?.id?.toLowerCase();
    if (id === undefined) continue;
    const first = seen.get(id);
    if (!first) {
      seen.set(id, item);
      continue;
    }
    item.outcome = pointed("invalid-value", item, "/id", {
      detail: `Item ${first.index} has the same id.`,
      expected: "an id that no other item has",
      fix: "Give each notification a unique id, even if several clients get the same content.",
    });
    item.published = undefined;
  }
}

function isBlank(text: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = text[at];
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}

function refuseOvergrown(body: Buffer, limits: ParseLimits): void {
  const why = overgrown(body, limits);
  if (why === "items") checkCount(limits.MAX_BATCH_ITEMS + 1, limits);
  if (why === "members") {
    const expected = `at most ${limits.MAX_DATA_BYTES} bytes of JSON`;
    refuseBody("too-large", "An item has too many members.", expected, "Send a link that the client can fetch.");
  }
}

function checkCount(count: number, { MAX_BATCH_ITEMS }: ParseLimits): void {
  if (count > MAX_BATCH_ITEMS)
    refuseBody(
      "too-large",
      "The request has too many items.",
      `at most ${MAX_BATCH_ITEMS} items`,
      "Split the items into several requests.",
    );
}

function refuseBody(slug: ProblemName, detail: string, expected: string, fix: string): never {
  return refuse(slug, undefined, { errors: [{ pointer: "", detail, expected, fix }] });
}
