import type { FollowReason } from "@saasaparilla/shared/timeline/events.ts";
import type { Problem, ProblemError } from "@saasaparilla/shared/http/problem.ts";
import type { ProblemName } from "@saasaparilla/shared/http/problem-types.ts";
import { pointed, type Place } from "#api/item-problems.ts";
import { optionsOf, recipientsOf } from "./forms.ts";
import { oneLine, type Span } from "./json-scanner.ts";
import { MAX_DEPTH, type Published } from "./notification-schema.ts";

/** One item of a request, with its input and its outcome. */
export interface Item extends Place {
  index: number;
  /** Undefined if a problem gives the reason. */
  published: Published | undefined;
  /** The text of `data` as written. */
  payload: Buffer;
  /** The bytes of its options; undefined for none. */
  options: Buffer | undefined;
  id: string;
  outcome: "open" | "accepted" | "repeated" | Problem;
  /** In recipients, charged to the publisher's rate. A refused item costs as much as reading it. */
  cost: number;
  /** The id of the publication that this is one recipient's part of. Its own id derives from it. */
  partOf?: string;
  /** What becomes of it is recorded. */
  followed?: FollowReason | undefined;
  /** An earlier request with the same Idempotency-Key got this outcome, regardless of the item's current verdict. */
  acceptedBefore?: boolean;
}

export interface ParseLimits {
  MAX_DATA_BYTES: number;
  MAX_BATCH_ITEMS: number;
}

export type ItemPlace = Pick<Item, "index" | "pointer" | "line" | "names">;

const NOTHING = Buffer.alloc(0);
/** A retraction's payload: packs have no empty one. */
const NO_DATA = Buffer.from("null");

export function newItem(
  { index, pointer, line }: ItemPlace,
  published: Published | undefined,
  outcome: Item["outcome"],
): Item {
  return { index, pointer, line, published, payload: NOTHING, options: undefined, id: "", outcome, cost: 1 };
}

export function wrongItem(
  place: ItemPlace,
  name: ProblemName,
  member: string,
  error: Pick<ProblemError, "detail" | "expected" | "fix">,
): Item {
  return newItem(place, undefined, pointed(name, place, member, error));
}

/** Sets what only items of other forms than the plain one have. */
export function prepare(item: Item, published: Published): void {
  item.payload = NO_DATA;
  item.options = optionsOf(published);
  item.cost = recipientsOf(published);
}

/** Gives the item its data as written, or the problem of it. */
export function withData(
  item: Item,
  text: Buffer,
  span: Span,
  { MAX_DATA_BYTES }: Pick<ParseLimits, "MAX_DATA_BYTES">,
): Item {
  if (span.depth > MAX_DEPTH) {
    return wrongItem(item, "invalid-value", "/data", {
      detail: `It nests arrays and objects ${span.depth} levels deep.`,
      expected: `at most ${MAX_DEPTH}`,
      fix: "Nest it less, or send it as JSON in a string.",
    });
  }
  const written = text.subarray(span.start, span.end);
  const payload = span.line ? written : oneLine(written);
  if (payload.length > MAX_DATA_BYTES) {
    return wrongItem(item, "too-large", "/data", {
      detail: `It has ${payload.length} bytes.`,
      expected: `at most ${MAX_DATA_BYTES} bytes of JSON`,
      fix: "Send a link that the client can fetch.",
    });
  }
  item.payload = payload;
  return item;
}
