import fc from "fast-check";
import { expect, test } from "vitest";
import { ClientPatterns } from "#auth/policies/client-patterns.ts";
import { subjectPatterns, subjectProblem } from "./subject.ts";

test("a subject is any text that the console, Postgres and a log can name; others are refused with the reason", () => {
  const good = [
    "u1",
    "名前",
    "ann@shop.example",
    "auth0|5",
    "CORP\\ann",
    "a b",
    "a/b",
    "a*b",
    "*a",
    "👍🏽",
    "é",
    "x".repeat(256),
  ];
  for (const text of [...good, "...", "%2e", "key:0"]) expect([text, subjectProblem(text)]).toEqual([text, undefined]);
  const bad: [unknown, string][] = [
    ["", "empty"],
    ["x".repeat(257), "longer than 256"],
    ["a\0", "control"],
    ["a\nb", "control"],
    ["a\u009bb", "control"],
    ["a\ud800", "surrogate"],
    ["\udc00a", "surrogate"],
    ["*", "ends with *"],
    ["ab*", "ends with *"],
    [".", "dot segment"],
    ["..", "dot segment"],
    [5, "not a string"],
    [undefined, "not a string"],
    [["u1"], "not a string"],
  ];
  for (const [text, why] of bad) expect([text, subjectProblem(text)]).toEqual([text, expect.stringContaining(why)]);
});

test("every subject has a console path, and can be granted exactly", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 });
  const special = fc.array(fc.constantFrom("*", ".", "/", "\\", "%", "?", "#", " ", "é", "👍", "\ud83d"), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(
      fc.oneof(
        text,
        special.map((parts) => parts.join("")),
      ),
      (subject) => {
        if (subjectProblem(subject) !== undefined) return;
        const url = new URL(`http://console/v1/tenants/t/revocations/${encodeURIComponent(subject)}`);
        expect(decodeURIComponent(url.pathname.split("/")[5]!)).toBe(subject);
        expect(url.pathname.split("/")).toHaveLength(6);
        const granted = new ClientPatterns(subjectPatterns.parse([subject]));
        expect([granted.has(subject), granted.has(`${subject}x`), granted.has("other")]).toEqual([true, false, false]);
      },
    ),
    { numRuns: 5_000 },
  );
});

test("a pattern is a subject, or a prefix of subjects with a *", () => {
  for (const pattern of ["*", "u*", "名*", "a*b", "a**"])
    expect(subjectPatterns.safeParse([pattern]).success).toBe(true);
  for (const pattern of ["", "a\n*", "\ud800*", `${"x".repeat(257)}*`, "."])
    expect(subjectPatterns.safeParse([pattern]).success).toBe(false);
});
