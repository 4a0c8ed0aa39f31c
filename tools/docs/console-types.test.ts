import type { JsonSchema } from "@saasaparilla/shared/http/openapi/schemas.ts";
import { expect, test } from "vitest";
import { consoleTypes } from "./console-types.ts";

const typeOf = (schema: JsonSchema): string =>
  / {2}Shown: (.*);\n/.exec(consoleTypes({ components: { schemas: { Shown: schema } } }))![1]!;

test.for([
  [{ type: "string" }, "string"],
  [{ type: "integer", minimum: 0 }, "number"],
  [{ enum: ["all", 2] }, '"all" | 2'],
  [{ const: "x" }, '"x"'],
  [{ anyOf: [{ type: "string" }, { type: "null" }] }, "string | null"],
  [{ type: ["string", "null"] }, "string | null"],
  [{ type: "array", items: { anyOf: [{ type: "string" }, { type: "number" }] } }, "(string | number)[]"],
  [{ $ref: "#/components/schemas/Other" }, 'Schemas["Other"]'],
  [{ type: "object", properties: { a: { type: "string" }, b: {} }, required: ["a"] }, '{ "a": string; "b"?: unknown }'],
  [{ type: "object", additionalProperties: { type: "integer" } }, "Record<string, number>"],
] as [object, string][])("%j has the type %s", ([schema, type]) => {
  expect(typeOf(schema as JsonSchema)).toBe(type);
});
