import { PROBLEM_TYPES } from "@saasaparilla/shared/http/problem-types.ts";

/** docs/reference/problems.md: every problem type that any service answers. */
export function problemsDocument(): string {
  const pages = Object.entries(PROBLEM_TYPES).map(
    ([name, { status, title, about, fix }]) => `### ${name}\n\n**${status}: ${title}.** ${about}\n\nFix: ${fix}\n`,
  );
  return `# Problems

Every error response is \`application/problem+json\` (RFC 9457). Its \`type\` is \`/problems/NAME\`, a URL on the service that answered. Open it to read the same text as here.

Use \`type\` and \`status\` in your program. \`title\` and \`detail\` are for people, and can change. \`errors\` lists each wrong place, with a JSON pointer, the expected value and a fix.

Three groups tell you how to react:

- 429 and 503, and 409 \`in-progress\`: wait for \`Retry-After\`, and send the same request again.
- \`outcome-unknown\`: send the same request again, with the same \`id\` or \`Idempotency-Key\`.
- All others: the same request fails again. Fix it first.

\`npx just problems\` writes this page from the services' own table.

${pages.join("\n")}`;
}
