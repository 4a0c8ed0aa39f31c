import { isDecodable } from "@saasaparilla/shared/http/encoding.ts";
import {
  badHead,
  largeHead,
  lengthRequired,
  notUtf8,
  unclear,
  type HttpResponse,
} from "@saasaparilla/shared/http/response.ts";

/** The used part of the library's request. */
export interface Head {
  getMethod(): string;
  getUrl(): string;
  /** The library returns undefined without a question mark. */
  getQuery(): string | undefined;
  forEach(each: (name: string, value: string) => void): void;
}

/** The bytes of target, names and values. The library accepts twice as many (`socket-library.ts`). */
const MOST_BYTES = 16 << 10;
/** The library replaces bytes that are not UTF-8 with this. It drops them at the start or end of a header. */
const REPLACEMENT = "\ufffd";

/** A body has no meaning with these methods, and the library does not skip it on an upgrade. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(["get", "head", "options"]);

/**
 * Puts all headers of a request into `headers`. Returns an answer instead if a proxy before us could read the head
 * differently (RFC 9112, 6.3). The check is by presence: the library ignores an empty Transfer-Encoding, takes the
 * first of two lengths, and reads chunks laxly. So chunks are not accepted.
 */
export function readHead(head: Head, headers: Record<string, string>): HttpResponse | undefined {
  let [hosts, lengths, codings, authorizations] = [0, 0, 0, 0];
  let wrong: string | undefined;
  const url = head.getUrl();
  const query = head.getQuery() ?? "";
  let bytes = url.length + query.length;
  head.forEach((name, value) => {
    bytes += name.length + value.length;
    if (value.includes(REPLACEMENT)) wrong = `header ${name}`;
    // The four names have four lengths, so most headers need no comparison.
    switch (name.length) {
      case 4:
        if (name === "host") hosts += 1;
        break;
      case 13:
        if (name === "authorization") authorizations += 1;
        break;
      case 14:
        if (name === "content-length") lengths += 1;
        break;
      case 17:
        if (name === "transfer-encoding") codings += 1;
        break;
      default:
    }
    // Lines of one name are one list (RFC 9110, 5.3): subprotocols, or a proxy's additions after an untrusted sender's
    // value.
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before},${value}`;
  });
  if (bytes > MOST_BYTES) return largeHead();
  if (codings > 0) {
    const chunked = codings === 1 && lengths === 0 && headers["transfer-encoding"]!.toLowerCase() === "chunked";
    return chunked ? lengthRequired() : unclear();
  }
  if (hosts !== 1) return badHead("Send exactly one Host header.");
  if (authorizations > 1) return badHead("Send at most one Authorization header.");
  if (lengths > 0) {
    const length = headers["content-length"]!;
    if (lengths > 1 || !/^\d+$/.test(length)) return unclear();
    if (Number(length) > 0 && WITHOUT_BODY.has(head.getMethod())) return badHead("A GET request must not have a body.");
  }
  if (url.includes(REPLACEMENT) || query.includes(REPLACEMENT) || !isDecodable(url) || !isDecodable(query))
    wrong = "target of the request";
  return wrong === undefined ? undefined : notUtf8(wrong);
}
