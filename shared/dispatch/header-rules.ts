import { EVENT_FORM } from "#protocol/notification.ts";

export type Scalar = string | number | boolean | null;
export type Headers = Readonly<Record<string, Scalar>>;

/** Operators of one header's value. `$or` and `$and` combine rules. */
export const OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$not"] as const;
type Operator = (typeof OPERATORS)[number];

/** A value that the header must equal, or operators that must all hold. */
export type Condition = Scalar | { readonly [K in Operator]?: unknown };

/** By header name, each of which must match; `$or` and `$and` have lists of rules. */
export interface Rule {
  readonly [name: string]: Condition | readonly Rule[];
}

/** The form of a header's name. No operator has it. */
export const HEADER_FORM = EVENT_FORM;
const MOST_CONDITIONS = 100;
const MOST_VALUES = 100;
const DEEPEST = 5;
const LISTED = `${OPERATORS.join(", ")}, and $or and $and for lists of rules`;

export interface RuleProblem {
  path: (string | number)[];
  message: string;
}

/** Everything that is wrong with a rule, by place. Values come from JSON. */
export function ruleProblems(rule: unknown): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const check = new RuleCheck((path, message) => problems.push({ path, message }));
  check.rule(rule, [], 1);
  return problems;
}

class RuleCheck {
  readonly #wrong: (path: (string | number)[], message: string) => void;
  #conditions = 0;

  constructor(wrong: (path: (string | number)[], message: string) => void) {
    this.#wrong = wrong;
  }

  rule(rule: unknown, path: (string | number)[], depth: number): void {
    if (!isObject(rule)) return this.#wrong(path, "it is no object of conditions by header name");
    const members = Object.entries(rule);
    if (members.length === 0) return this.#wrong(path, "it is empty, and would match everything: name a header");
    if (depth > DEEPEST) return this.#wrong(path, `it is nested deeper than ${DEEPEST} rules`);
    for (const [name, member] of members) {
      this.#conditions += 1;
      // The place of the first one too many is enough.
      if (this.#conditions === MOST_CONDITIONS + 1)
        this.#wrong([...path, name], `the rule has more than ${MOST_CONDITIONS} conditions`);
      if (this.#conditions > MOST_CONDITIONS) return;
      this.#member(name, member, [...path, name], depth);
    }
  }

  #member(name: string, member: unknown, path: (string | number)[], depth: number): void {
    if (name === "$or" || name === "$and") {
      if (!Array.isArray(member) || member.length === 0) return this.#wrong(path, "it is no list of rules");
      for (const [index, rule] of member.entries()) this.rule(rule, [...path, index], depth + 1);
    } else if (name.startsWith("$")) this.#wrong(path, `it is no operator here: use ${LISTED}`);
    else if (!HEADER_FORM.test(name))
      this.#wrong(path, "it is no header's name: 1 to 64 letters, digits, '.', '_', ':' and '-'");
    else this.#condition(member, path, depth);
  }

  #condition(condition: unknown, path: (string | number)[], depth: number): void {
    if (isScalar(condition)) return;
    if (!isObject(condition)) return this.#wrong(path, "it is neither a value nor an object of operators");
    const operators = Object.entries(condition);
    if (operators.length === 0) return this.#wrong(path, "it has no operator, and would match everything");
    if (depth > DEEPEST) return this.#wrong(path, `it is nested deeper than ${DEEPEST} rules`);
    for (const [operator, operand] of operators) this.#operator(operator, operand, [...path, operator], depth);
  }

  #operator(operator: string, operand: unknown, path: (string | number)[], depth: number): void {
    if (!(OPERATORS as readonly string[]).includes(operator))
      return this.#wrong(path, `it is no operator here: use ${LISTED}`);
    if (operator === "$not") {
      if (!isObject(operand)) return this.#wrong(path, "it is no object of operators");
      return this.#condition(operand, path, depth + 1);
    }
    if (operator === "$exists") {
      if (typeof operand !== "boolean") this.#wrong(path, "it is neither true nor false");
    } else if (operator === "$in" || operator === "$nin") {
      const isList = Array.isArray(operand) && operand.length > 0 && operand.length <= MOST_VALUES;
      if (!isList || !operand.every(isScalar)) this.#wrong(path, `it is no list of 1 to ${MOST_VALUES} values`);
    } else if (!isScalar(operand)) this.#wrong(path, "it is no text, number, boolean or null");
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): value is Scalar {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}
