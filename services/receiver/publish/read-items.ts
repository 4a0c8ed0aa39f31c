import { binaryItem, eventHeaders, isBinaryEvent } from "./cloud-event-bodies.ts";
import type { Item, ParseLimits } from "./item.ts";
import { priced } from "./item-cost.ts";
import { mediaTypeOf, parse } from "./parse.ts";

type Headers = Readonly<Record<string, string>>;

/** The items of a request: notifications, or events of CloudEvents. */
export function readItems(headers: Headers, body: Buffer, limits: ParseLimits): Item[] {
  const contentType = headers["content-type"];
  if (isBinaryEvent(headers) && !mediaTypeOf(contentType).startsWith("application/cloudevents"))
    return [priced(binaryItem(headers, body, limits), body.length)];
  return parse(contentType, body, limits);
}

/** All that decides the items beside the body. A repeat has the same. */
export function formOf(headers: Headers): string {
  const mediaType = mediaTypeOf(headers["content-type"]);
  if (!isBinaryEvent(headers)) return mediaType;
  return JSON.stringify([mediaType, eventHeaders(headers).map((name) => [name, headers[name]])]);
}
