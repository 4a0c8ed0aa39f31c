import { isUtf8 } from "node:buffer";
import { bounded, problemOf, shorten, type ProblemError } from "@saasaparilla/shared/http/problem.ts";
import { readJson } from "@saasaparilla/shared/http/read-json.ts";
import { refuse } from "#api/refusal.ts";
import { attributeOf, isJsonType, toNotification, type Attributes, type AttributeError } from "./cloud-event.ts";
import { readHeader } from "./cloud-event-headers.ts";
import { newItem, prepare, withData, wrongItem, type Item, type ItemPlace, type ParseLimits } from "./item.ts";
import { JsonScanner } from "./json-scanner.ts";

/** An event in the JSON format, alone or in a batch. `data` stays byte for byte as it was written. */
export function eventItem(place: ItemPlace, value: unknown, scanner: JsonScanner, limits: ParseLimits): Item {
  const span = scanner.member("data");
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return wrongItem(place, "invalid-shape", "", {
      detail: "It is not an object.",
      expected: "an event of CloudEvents 1.0 in the JSON format",
      fix: "Send an object, or an array of them as application/cloudevents-batch+json.",
    });
  const { data: _data, data_base64: binary, ...attributes } = value as Attributes;
  const names = (member: string): { pointer: string } => ({ pointer: pointerTo(place.pointer, attributeOf(member)) });
  if (binary !== undefined && binary !== null)
    return wrongItem(place, "invalid-value", "/data_base64", {
      detail: "It is binary data.",
      expected: "JSON in `data`",
      fix: "Send JSON, or a link that the recipient can fetch. In most libraries, set the data to an object or a string, not to bytes.",
    });
  const item = itemOf({ ...place, names }, attributes, (error) => ({
    pointer: pointerTo(place.pointer, error.attribute),
  }));
  return span && item.published ? withData(item, scanner.text, span, limits) : item;
}

/** The one event of a request in binary mode: its attributes are headers `ce-*`, and the body is its data. */
export function binaryItem(headers: Readonly<Record<string, string>>, body: Buffer, limits: ParseLimits): Item {
  const attributes: Record<string, unknown> = {};
  const errors: AttributeError[] = [];
  for (const name of eventHeaders(headers)) {
    const read = readHeader(headers[name]!);
    const attribute = name.slice(PREFIX.length);
    if (RESERVED.has(attribute)) errors.push({ attribute, ...notHere(attribute) });
    else if ("wrong" in read) errors.push({ attribute, ...read.wrong });
    else attributes[attribute] = read.value;
  }
  const contentType = headers["content-type"];
  const text = dataOf(contentType, body);
  if (contentType !== undefined) attributes["datacontenttype"] = contentType;
  const place: ItemPlace = { index: 0, pointer: "", line: undefined };
  const at = (attribute: string): { pointer: string; header?: string } =>
    attribute === "" || attribute === "data" ? { pointer: "" } : { pointer: "", header: PREFIX + attribute };
  const names = (member: string): { pointer: string; header?: string } => at(attributeOf(member));
  if (errors.length > 0) return wrongEvent(place, errors, ({ attribute }) => at(attribute));
  const item = itemOf({ ...place, names }, attributes, ({ attribute }) => at(attribute));
  if (!item.published || text.length === 0) return item;
  // The scanner finds the ends of the value, and its depth.
  const scanner = new JsonScanner(Buffer.concat([OPEN, text, CLOSE]));
  return withData(item, scanner.text, scanner.member("data")!, limits);
}

/** Whether it is an event in binary mode, complete or not. */
export function isBinaryEvent(headers: Readonly<Record<string, string>>): boolean {
  return "ce-specversion" in headers || "ce-id" in headers || "ce-type" in headers || "ce-source" in headers;
}

/** The headers with the attributes, in a fixed order. */
export function eventHeaders(headers: Readonly<Record<string, string>>): string[] {
  return Object.keys(headers)
    .filter((name) => name.startsWith(PREFIX))
    .toSorted();
}

const PREFIX = "ce-";
/** In binary mode these are the body and the header Content-Type. */
const RESERVED: ReadonlySet<string> = new Set(["data", "datacontenttype"]);
const [OPEN, CLOSE] = [Buffer.from('{"data":'), Buffer.from("}")];

type PlaceOf = (error: AttributeError) => Pick<ProblemError, "pointer" | "header">;

function itemOf(place: ItemPlace, attributes: Attributes, placeOf: PlaceOf): Item {
  const made = toNotification(attributes);
  if ("errors" in made) return wrongEvent(place, made.errors, placeOf);
  const item = newItem(place, made.published, "open");
  item.names = place.names;
  prepare(item, made.published);
  return item;
}

function wrongEvent(place: ItemPlace, errors: readonly AttributeError[], placeOf: PlaceOf): Item {
  const placed = errors.map((error) => {
    const { attribute: _attribute, ...rest } = error;
    return { ...placeOf(error), ...rest };
  });
  return newItem(place, undefined, problemOf("invalid-value", undefined, bounded(placed, placed.length)));
}

function pointerTo(pointer: string, attribute: string): string {
  return attribute === "" ? pointer : `${pointer}/${attribute.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function notHere(attribute: string): Omit<AttributeError, "attribute"> {
  return {
    detail: "It is not allowed in binary mode.",
    expected: attribute === "data" ? "the data as the body" : "the media type of the data in Content-Type",
    fix: "Remove this header.",
  };
}

/** JSON text: the body, or a text as a JSON string. Empty for no data. */
function dataOf(contentType: string | undefined, body: Buffer): Buffer {
  if (body.length === 0) return body;
  if (contentType === undefined || isJsonType(contentType)) {
    const parsed = readJson(body);
    if ("wrong" in parsed)
      refuse("not-json", undefined, {
        errors: [
          {
            pointer: "",
            detail: parsed.wrong,
            expected: "JSON text in UTF-8",
            fix: "Write the data with a JSON library.",
          },
        ],
      });
    return body;
  }
  if (!TEXT_TYPE.test(typeOf(contentType)) || !isUtf8(body))
    refuse(
      "unsupported-media-type",
      `The data of the event has the content type ${JSON.stringify(shorten(contentType))}. Only JSON and text in UTF-8 can be delivered.`,
    );
  return Buffer.from(JSON.stringify(body.toString()));
}

const TEXT_TYPE = /^(?:text\/.+|application\/xml|.+\+xml)$/;

function typeOf(contentType: string): string {
  return contentType.split(";", 1)[0]!.trim().toLowerCase();
}
