import {
  forbidden as refused,
  problemReply,
  unavailable as notAvailable,
  type Reply,
} from "@saasaparilla/shared/http/response.ts";
import { MOST_ERRORS, problemOf, shorten } from "@saasaparilla/shared/http/problem.ts";

/** Ends a request with its answer. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`answered ${reply.status}`);
    this.reply = reply;
  }
}

export const forbidden = (): Reply => refused("This needs a token or a key that allows it.");

export const wrongPath = (part: string): Reply => wrongValue(`The ${part} in the path has no known form.`);

export const wrongQuery = (name: string, expected: string): Reply => wrongValue(`${name} is ${expected}.`);

const wrongValue = (detail: string): Reply => problemReply(problemOf("invalid-value", detail, { status: 400 }));

export function wrongBody(issues: readonly { path: readonly PropertyKey[]; message: string }[]): Reply {
  const errors = issues.slice(0, MOST_ERRORS).map(({ path, message }) => ({
    pointer: shorten(path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""), 500),
    // A message names each unknown member.
    detail: shorten(message, 500),
    expected: "what /openapi.json says of this place",
    fix: "Correct it, and send it again. Nothing was changed.",
  }));
  const detail = "The body is not what is expected here.";
  return problemReply(problemOf("invalid-shape", detail, { errors, errorCount: issues.length }));
}

export const notFound = (what: string): Reply => problemReply(problemOf("not-found", `There is no ${what}.`));

export const conflict = (detail: string): Reply => problemReply(problemOf("conflict", detail));

export const unavailable = (detail: string): Reply => notAvailable(`${detail} Try again.`);
