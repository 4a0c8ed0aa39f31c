import type { IncomingMessage } from "node:http";
import { isDecodable, isUtf8Latin1 } from "./encoding.ts";
import { badHead, largeHead, notUtf8, unclear, versionNotSupported, type HttpResponse } from "./response.ts";

/** Limit for one head. Node's own limit is off, because Node drops further headers silently. */
const MOST_HEADERS = 100;

/** The parts of a Node request that are read here. */
export type Head = Pick<IncomingMessage, "rawHeaders" | "httpVersionMajor" | "httpVersionMinor">;

/** Whether a body follows, or the answer to a head that two servers could read in two ways (RFC 9112, 6.3). */
export function framingOf(head: Head): boolean | HttpResponse {
  const raw = head.rawHeaders;
  if (head.httpVersionMajor !== 1) return versionNotSupported();
  if (raw.length > 2 * MOST_HEADERS) return largeHead();
  let [hosts, lengths, codings, authorizations] = [0, 0, 0, 0];
  let length = "";
  let coding = "";
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    if (!isUtf8Latin1(raw[at + 1]!)) return notUtf8(`header ${name}`);
    // The four names have four lengths, so most headers need no comparison.
    switch (name.length) {
      case 4:
        if (name.toLowerCase() === "host") hosts += 1;
        break;
      case 13:
        if (name.toLowerCase() === "authorization") authorizations += 1;
        break;
      case 14:
        if (name.toLowerCase() === "content-length") {
          lengths += 1;
          length = raw[at + 1]!;
        }
        break;
      case 17:
        if (name.toLowerCase() === "transfer-encoding") {
          codings += 1;
          coding = raw[at + 1]!;
        }
        break;
      default:
    }
  }
  const old = head.httpVersionMinor === 0;
  if (hosts !== 1 && !(old && hosts === 0)) return badHead("Send exactly one Host header.");
  if (authorizations > 1) return badHead("Send at most one Authorization header.");
  if (codings > 0) {
    if (codings > 1 || lengths > 0 || old || coding.toLowerCase() !== "chunked") return unclear();
    return true;
  }
  if (lengths === 0) return false;
  if (lengths > 1 || !/^\d+$/.test(length)) return unclear();
  return length !== "0" && Number(length) > 0;
}

export interface Target {
  path: string;
  /** The part after the question mark. */
  search: string;
}

/** The form of `http://host/path`, as a client sends it to a proxy. */
const ABSOLUTE_FORM = /^https?:\/\/[^/?#@\\]+([/?].*)?$/i;

/**
 * Path and query of a target in origin-form or absolute-form (RFC 9112, 3.2), or the answer to another form. `OPTIONS
 * *` asks about the server.
 */
export function targetOf(url: string, method: string): Target | HttpResponse {
  if (url === "*" && method === "OPTIONS") return { path: "*", search: "" };
  let target = url;
  if (!url.startsWith("/")) {
    if (!ABSOLUTE_FORM.test(url) || !URL.canParse(url))
      return badHead("The request target must be a path or an http URL.");
    target = ABSOLUTE_FORM.exec(url)![1] ?? "/";
    if (target.startsWith("?")) target = `/${target}`;
  }
  if (!isUtf8Latin1(target) || !isDecodable(target)) return notUtf8("target of the request");
  const at = target.indexOf("?");
  return at < 0 ? { path: target, search: "" } : { path: target.slice(0, at), search: target.slice(at + 1) };
}
