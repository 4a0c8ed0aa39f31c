import { expect, test } from "vitest";
import { ruleProblems, type Headers, type Rule } from "./header-rules.ts";
import { compileRule } from "./match.ts";

const matches = (rule: Rule, headers?: Headers): boolean => compileRule(rule)(headers) === undefined;

test.for<[Rule, Headers, boolean]>([
  [{ country: "DE" }, { country: "DE" }, true],
  [{ country: "DE" }, { country: "FR" }, false],
  [{ country: "DE", vip: true }, { country: "DE" }, false],
  [{ priority: 5 }, { priority: "5" }, false],
  [{ country: { $ne: "DE" } }, { country: "FR" }, true],
  [{ country: { $ne: "DE" } }, { country: "DE" }, false],
  [{ country: { $ne: "DE" } }, { other: 1 }, true],
  [{ vip: { $exists: true } }, { vip: null }, true],
  [{ vip: { $exists: true } }, { other: 1 }, false],
  [{ vip: { $exists: false } }, { other: 1 }, true],
  [{ priority: { $gt: 1, $lte: 5 } }, { priority: 5 }, true],
  [{ priority: { $gt: 1, $lte: 5 } }, { priority: 1 }, false],
  [{ priority: { $gte: 1 } }, { priority: "9" }, false],
  [{ priority: { $lt: 5 } }, { other: 1 }, false],
  [{ country: { $in: ["DE", "FR"] } }, { country: "FR" }, true],
  [{ country: { $nin: ["DE", "FR"] } }, { country: "FR" }, false],
  [{ country: { $not: { $in: ["DE"] } } }, { country: "DE" }, false],
  [{ country: { $not: { $in: ["DE"] } } }, { country: "FR" }, true],
  [{ $or: [{ country: "DE" }, { vip: true }] }, { vip: true }, true],
  [{ $or: [{ country: "DE" }, { vip: true }] }, { vip: false }, false],
  [{ $and: [{ country: "DE" }, { $or: [{ a: 1 }, { b: 1 }] }] }, { country: "DE", b: 1 }, true],
  [{ $and: [{ country: "DE" }, { $or: [{ a: 1 }, { b: 1 }] }] }, { country: "DE" }, false],
  // A name with a dot is no path, and a member of every object is no header.
  [{ "order.country": "DE" }, { "order.country": "DE" }, true],
  [{ constructor: { $exists: true } }, { other: 1 }, false],
])("rule %j, headers %j: %j", ([rule, headers, expected]) => {
  expect(ruleProblems(rule)).toEqual([]);
  expect(matches(rule, headers)).toBe(expected);
});

test("no headers match nothing, not even an exception", () => {
  const rules: Rule[] = [{ a: { $ne: 1 } }, { a: { $exists: false } }, { $or: [{ a: { $nin: [1] } }] }, { a: null }];
  for (const rule of rules) for (const headers of [undefined, {}]) expect(matches(rule, headers)).toBe(false);
});

test("the reason names the header and its condition", () => {
  expect(compileRule({ country: { $ne: "DE" } })({ country: "DE" })).toBe(
    'the header "country" does not match {"$ne":"DE"}',
  );
});

const deep = (levels: number): unknown => (levels === 0 ? { a: 1 } : { $or: [deep(levels - 1)] });

test.for<[string, unknown, (string | number)[]]>([
  ["empty", {}, []],
  ["a list", [], []],
  ["an empty condition", { a: {} }, ["a"]],
  ["an unlisted operator", { a: { $regex: "x" } }, ["a", "$regex"]],
  ["code", { $where: "true" }, ["$where"]],
  ["code in a condition", { a: { $where: "true" } }, ["a", "$where"]],
  ["$nor", { $nor: [{ a: 1 }] }, ["$nor"]],
  ["a name in a condition", { a: { b: 1 } }, ["a", "b"]],
  ["an empty $or", { $or: [] }, ["$or"]],
  ["an empty rule in $or", { $or: [{ a: 1 }, {}] }, ["$or", 1]],
  ["$or in a condition", { a: { $or: [{ $eq: 1 }] } }, ["a", "$or"]],
  ["a list as a value", { a: [1] }, ["a"]],
  ["$in without a list", { a: { $in: 1 } }, ["a", "$in"]],
  ["$in with an object", { a: { $in: [{ $ne: 1 }] } }, ["a", "$in"]],
  ["an empty $in", { a: { $in: [] } }, ["a", "$in"]],
  ["$eq with an object", { a: { $eq: { $gt: 1 } } }, ["a", "$eq"]],
  ["$exists without a boolean", { a: { $exists: 1 } }, ["a", "$exists"]],
  ["$not with a value", { a: { $not: 1 } }, ["a", "$not"]],
  ["an operator within $not", { a: { $not: { $mod: [2, 0] } } }, ["a", "$not", "$mod"]],
  ["no name of a header", { "a b": 1 }, ["a b"]],
  ["too deep", deep(5), ["$or", 0, "$or", 0, "$or", 0, "$or", 0, "$or", 0]],
])("a rule is refused with its place: %s", ([, rule, path]) => {
  expect(ruleProblems(rule).map((problem) => problem.path)).toEqual([path]);
});

test("a rule has a bound of conditions and of depth", () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`h${n}`, n]));
  expect(ruleProblems(many)).toHaveLength(1);
  delete many.h0;
  expect(ruleProblems(many)).toEqual([]);
  expect(ruleProblems(deep(4))).toEqual([]);
  expect(ruleProblems(deep(5_000))).toHaveLength(1);
});
