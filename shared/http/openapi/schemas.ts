import { z } from "zod";
import { PROBLEM_TYPES, type ProblemName } from "#http/problem-types.ts";
import { MOST_ERRORS } from "#http/problem.ts";

const problemErrorSchema = z
  .object({
    pointer: z.string().meta({
      description:
        'JSON pointer (RFC 6901) into the request body; "" is the whole body. For NDJSON, the first part is the item\'s index.',
    }),
    line: z.int().optional().meta({ description: "For NDJSON: the line number, from 1." }),
    header: z.string().optional().meta({ description: 'The header with the value. The pointer is then "".' }),
    detail: z.string().meta({ description: "The error." }),
    expected: z.string().meta({ description: "The expected value." }),
    fix: z.string().meta({ description: "How to fix it." }),
  })
  .meta({ id: "ProblemError", description: "One error in the request." });

export const problemSchema = z
  .object({
    type: z.string().meta({
      description: "A relative reference to the page of this problem, on this service.",
      examples: ["/problems/invalid-shape"],
    }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    fix: z.string().optional().meta({ description: "How to fix the request. Each entry of `errors` says more." }),
    errors: z
      .array(problemErrorSchema)
      .max(MOST_ERRORS)
      .optional()
      .meta({ description: `The first ${MOST_ERRORS} errors.` }),
    errorCount: z
      .int()
      .optional()
      .meta({ description: "The number of errors, if it is larger than the length of `errors`." }),
    retryAfter: z.int().optional().meta({ description: "Seconds; also sent as Retry-After." }),
    instance: z
      .string()
      .optional()
      .meta({
        description: "Names this refusal, as urn:uuid:<id>. An operator finds its reason at the console for some days.",
        examples: ["urn:uuid:6e8bc430-9c3a-41d9-9669-0800200c9a66"],
      }),
    items: z
      .array(z.object({ index: z.int(), id: z.uuid() }).meta({ id: "UnknownItem" }))
      .optional()
      .meta({ description: "If the outcome is unknown: the ids that make a retry safe." }),
  })
  .meta({ id: "Problem", description: "Problem details (RFC 9457)." });

export interface JsonSchema {
  $ref?: string;
  description?: string;
  type?: string;
  format?: string;
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  [key: string]: unknown;
}

const PLACE = "#/components/schemas/";

/** The components of one document. Any schema with an `id` in its metadata becomes a component. */
export class Schemas {
  readonly all: Record<string, JsonSchema> = {};

  /** Adds the schema and its inner schemas under their names. A name is the schema's `id`, if it has one. */
  ref(name: string, schema: z.ZodType, io: "input" | "output" = "output"): { $ref: string } {
    const made = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as JsonSchema & {
      $defs?: Record<string, JsonSchema>;
    };
    const { $defs = {}, ...root } = made;
    for (const [inner, value] of Object.entries($defs)) this.all[inner] ??= this.#placed(value);
    // A schema with an id appears among the others as a reference to itself.
    if ($defs[name] === undefined) this.all[name] ??= this.#placed(root);
    return { $ref: `${PLACE}${name}` };
  }

  #placed({ $schema: _dialect, id: _id, ...schema }: JsonSchema): JsonSchema {
    return JSON.parse(JSON.stringify(schema), (key, value: unknown) =>
      key === "$ref" && typeof value === "string" ? value.replace("#/$defs/", PLACE) : value,
    ) as JsonSchema;
  }
}

/** The description of an answer with these problems, which have one status. */
export function problemsText(names: readonly ProblemName[]): string {
  return names.map((name) => `${PROBLEM_TYPES[name].title} (/problems/${name})`).join("; ");
}
