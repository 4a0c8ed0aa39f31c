import { createRequire } from "node:module";
import type * as Sift from "sift";
import { OPERATORS, type Condition, type Headers, type Rule, type Scalar } from "./header-rules.ts";

/**
 * The only importer of the library. Its default export runs `$where` as code, so only `createQueryTester` is used, with
 * the listed operators alone. It is CommonJS, and its named exports are invisible to ES modules.
 */
const sift = createRequire(import.meta.url)("sift") as typeof Sift;
const operations = Object.fromEntries<Operations[string]>(OPERATORS.map((name) => [name, sift[name]]));

type Operations = NonNullable<NonNullable<Parameters<typeof Sift.createQueryTester>[1]>["operations"]>;
type Test = (headers: Headers) => string | undefined;

/**
 * Compiles a rule. The result returns why headers do not match, or undefined. Missing and empty headers match no rule,
 * not even one with `$ne` or `$exists: false`. The rule must have passed `ruleProblems`.
 */
export function compileRule(rule: Rule): (headers: Headers | undefined) => string | undefined {
  const test = all(rule);
  return (headers) => (headers && Object.keys(headers).length > 0 ? test(headers) : "it has no headers");
}

/** Every member of a rule must match. */
function all(rule: Rule): Test {
  const tests = Object.entries(rule).map(([name, member]): Test => {
    if (name === "$or") return some(member as readonly Rule[]);
    if (name === "$and") return every((member as readonly Rule[]).map(all));
    return one(name, member as Condition);
  });
  return every(tests);
}

function every(tests: readonly Test[]): Test {
  return (headers) => {
    for (const test of tests) {
      const why = test(headers);
      if (why !== undefined) return why;
    }
    return undefined;
  };
}

function some(rules: readonly Rule[]): Test {
  const tests = rules.map(all);
  return (headers) => (tests.some((test) => test(headers) === undefined) ? undefined : "no part of $or matches");
}

/** The library would split a name with dots into a path, so it tests the value alone. */
function one(name: string, condition: Condition): Test {
  const query = typeof condition === "object" && condition !== null ? condition : { $eq: condition };
  const test = sift.createQueryTester<Scalar | undefined>(query as Sift.Query<Scalar | undefined>, { operations });
  const why = `the header "${name}" does not match ${JSON.stringify(condition)}`;
  return (headers) => (test(Object.hasOwn(headers, name) ? headers[name] : undefined) ? undefined : why);
}
