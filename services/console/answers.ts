import { problemReply, type Reply } from "@saasaparilla/shared/reply.ts";
import { jittered, problem } from "@saasaparilla/shared/problem.ts";

/** Ends a request with its answer. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reply: Reply;

  constructor(reply: Reply) {
    super(`answered ${reply.status}`);
    this.reply = reply;
  }
}

export const forbidden = (): Reply =>
  problemReply(problem(403, "forbidden", "Forbidden", "This needs a token or a key that allows it."));

export const wrongPath = (part: string): Reply =>
  problemReply(problem(400, "invalid-value", "A value is not allowed", `The ${part} in the path has no known form.`));

export const wrongQuery = (name: string, expected: string): Reply =>
  problemReply(problem(400, "invalid-value", "A value is not allowed", `${name} is ${expected}.`));

export function wrongBody(issues: readonly { path: readonly PropertyKey[]; message: string }[]): Reply {
  const errors = issues.slice(0, 20).map(({ path, message }) => ({
    pointer: path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""),
    detail: message,
    expected: "what /openapi.json says of this place",
    fix: "Correct it, and send it again. Nothing was changed.",
  }));
  return problemReply(
    problem(400, "invalid-shape", "Not the expected shape", "The body is not what is expected here.", { errors }),
  );
}

export const notFound = (what: string): Reply =>
  problemReply(problem(404, "not-found", "Not found", `There is no ${what}.`));

export const conflict = (detail: string): Reply => problemReply(problem(409, "conflict", "It cannot be done", detail));

export const unavailable = (detail: string): Reply =>
  problemReply(problem(503, "unavailable", "Unavailable", `${detail} Try again.`, { retryAfter: jittered(1, 5) }));
