import { problemOf, type Problem, type ProblemError } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { pointed, type Place } from "#api/item-problems.ts";
import { refuse } from "#api/refusal.ts";
import { isAscii } from "node:buffer";
import { parseJson, readJson } from "@saasaparilla/shared/http/read-json.ts";
import { overgrown } from "./body-precheck.ts";
import { check, MAX_DEPTH, type Published } from "./notification-schema.ts";
import { oneLine, JsonScanner } from "./json-scanner.ts";

/** One item of a request, with its input and its outcome. */
export interface Item extends Place {
  index: number;
  /** Undefined if a problem gives the reason. */
  published: Published | undefined;
  /** The text of `data` as written. */
  payload: Buffer;
  id: string;
  outcome: "open" | "accepted" | "repeated" | Problem;
  /** In notifications, charged to the publisher's rate. A refused item costs as much as reading it. */
  cost: number;
  /** An earlier request with the same Idempotency-Key got this outcome, regardless of the item's current verdict. */
  acceptedBefore?: boolean;
}

export interface ParseLimits {
  MAX_DATA_BYTES: number;
  MAX_BATCH_ITEMS: number;
}

/** Parameters such as `charset` change nothing: JSON is UTF-8. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

/** Shape first, then logic. Each item gets its own verdict. Only a body that cannot be split is refused as a whole. */
export function parse(contentType: string | undefined, body: Buffer, limits: ParseLimits): Item[] {
  const form = mediaTypeOf(contentType);
  if (form !== "application/json" && form !== "application/x-ndjson") {
    refuse(
      "unsupported-media-type",
      contentType
        ? `The content type is ${JSON.stringify(contentType.slice(0, 80))}.`
        : "The header Content-Type is missing.",
    );
  }
  const items = form === "application/json" ? parseBody(body, limits) : parseLines(body, limits);
  if (items.length === 0)
    refuseBody(
      "invalid-shape",
      "The body has no items.",
      "at least one notification",
      "Do not send a request without notifications.",
    );
  refuseRepeatedIds(items);
  return items;
}

function parseBody(body: Buffer, limits: ParseLimits): Item[] {
  refuseOvergrown(body, limits);
  const parsed = readJson(body);
  if ("wrong" in parsed)
    refuseBody("not-json", parsed.wrong, "JSON text in UTF-8", "Write the body with a JSON library.");
  const scanner = new JsonScanner(body);
  if (!scanner.enterArray())
    return [priced(toItem({ index: 0, pointer: "", line: undefined }, parsed.value, scanner, limits), body.length)];
  const values = parsed.value as unknown[];
  checkCount(values.length, limits);
  return values.map((value, index) => {
    const from = scanner.at;
    const item = toItem({ index, pointer: `/${index}`, line: undefined }, value, scanner, limits);
    return priced(item, scanner.at - from);
  });
}

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

const REFUSED_BYTES = 1_024;

/** The cost of a refused body, or a refused part of one, in notifications of the publisher's rate. */
export function costOfRefused(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / REFUSED_BYTES));
}

export function costOf(items: readonly Item[]): number {
  let cost = 0;
  for (const item of items) cost += item.cost;
  return cost;
}

function priced(item: Item, bytes: number): Item {
  if (!item.published) item.cost = costOfRefused(bytes);
  return item;
}

type ItemPlace = Pick<Item, "index" | "pointer" | "line">;

function toItem(place: ItemPlace, value: unknown, scanner: JsonScanner, limits: ParseLimits): Item {
  // Always call this: the scanner moves to the next item with it.
  const span = scanner.member("data");
  const wrong = check(value);
  if (wrong || !span) {
    const { pointer, line } = place;
    const errors = (wrong?.errors ?? []).map((error) => ({
      ...error,
      pointer: pointer + error.pointer,
      ...(line && { line }),
    }));
    const name = wrong?.shape === false ? "invalid-value" : "invalid-shape";
    return newItem(place, undefined, problemOf(name, undefined, { errors, errorCount: wrong?.errorCount ?? 0 }));
  }
  if (span.depth > MAX_DEPTH) {
    return wrongItem(place, "invalid-value", "/data", {
      detail: `It nests arrays and objects ${span.depth} levels deep.`,
      expected: `at most ${MAX_DEPTH}`,
      fix: "Nest it less, or send it as JSON in a string.",
    });
  }
  const written = scanner.text.subarray(span.start, span.end);
  const payload = span.line ? written : oneLine(written);
  if (payload.length > limits.MAX_DATA_BYTES) {
    return wrongItem(place, "too-large", "/data", {
      detail: `It has ${payload.length} bytes.`,
      expected: `at most ${limits.MAX_DATA_BYTES} bytes of JSON`,
      fix: "Send a link that the client can fetch.",
    });
  }
  const item = newItem(place, value as Published, "open");
  item.payload = payload;
  return item;
}

function newItem(
  { index, pointer, line }: ItemPlace,
  published: Published | undefined,
  outcome: Item["outcome"],
): Item {
  return { index, pointer, line, published, payload: NOTHING, id: "", outcome, cost: 1 };
}

function wrongItem(
  place: ItemPlace,
  name: ProblemName,
  member: string,
  error: Pick<ProblemError, "detail" | "expected" | "fix">,
): Item {
  return newItem(place, undefined, pointed(name, place, member, error));
}

const NOTHING = Buffer.alloc(0);

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
