import { z } from "zod";

/** In UTF-16 units. OpenID Connect allows 255. The row's key in Postgres and the console's path need a bound too. */
const SUBJECT_LENGTH = 256;

/**
 * Postgres cannot store NUL, and a URL cannot carry half a surrogate pair. Others forge lines in terminals and logs.
 */
const UNWRITABLE = /[\p{Cc}\p{Cs}]/u;

/**
 * Why a text cannot be a subject, or undefined. Tokens and the console share it: each subject can be granted and
 * revoked.
 */
export function subjectProblem(text: unknown): string | undefined {
  const problem = textProblem(text);
  if (problem !== undefined) return problem;
  if (text === "") return "is empty";
  // In a revocation and a grant, it stands for all subjects, or for all with the same prefix.
  if ((text as string).endsWith("*")) return "ends with *";
  // Every URL parser removes these from the path, even if they are percent-encoded.
  if (text === "." || text === "..") return "is a dot segment, which no URL can name";
  return undefined;
}

function textProblem(text: unknown): string | undefined {
  if (typeof text !== "string") return "is not a string";
  if (text.length > SUBJECT_LENGTH) return `is longer than ${SUBJECT_LENGTH} characters`;
  if (UNWRITABLE.test(text)) return "has a control character, or half of a surrogate pair";
  return undefined;
}

const checked = (problemOf: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: `it ${problem}` });
  });

export const subject = checked(subjectProblem);

/** One exact subject, or a prefix followed by `*`. A `*` elsewhere is an ordinary character. */
export const subjectPatterns = z
  .array(checked((text) => (text.endsWith("*") ? textProblem(text.slice(0, -1)) : subjectProblem(text))))
  .min(1)
  .max(100);
