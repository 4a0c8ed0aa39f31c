import type { JsonSchema } from "@saasaparilla/shared/http/openapi/schemas.ts";

/**
 * The types of the console's pages, from the console's own OpenAPI document. openapi-typescript needs an older compiler
 * than ours, and the document has only what zod writes.
 */
export function consoleTypes(document: { components: { schemas: Record<string, JsonSchema> } }): string {
  const schemas = Object.entries(document.components.schemas).sort(([one], [other]) => (one < other ? -1 : 1));
  const members = schemas.map(([name, schema]) => `  ${name}: ${typeOf(schema)};`);
  return `// From /openapi.json of the console, by: npx just console-types\n/* oxlint-disable max-lines */\n\nexport interface Schemas {\n${members.join("\n")}\n}\n`;
}

function typeOf(schema: JsonSchema): string {
  const { $ref, type, properties, items, additionalProperties, required = [] } = schema;
  if ($ref !== undefined) return `Schemas["${$ref.slice($ref.lastIndexOf("/") + 1)}"]`;
  const either = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(either)) return (either as JsonSchema[]).map(typeOf).join(" | ");
  if (Array.isArray(schema.allOf)) return (schema.allOf as JsonSchema[]).map((one) => `(${typeOf(one)})`).join(" & ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (Array.isArray(type)) return (type as string[]).map((one) => typeOf({ ...schema, type: one })).join(" | ");
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `(${items ? typeOf(items) : "unknown"})[]`;
    case "object": {
      const known = Object.entries(properties ?? {}).map(
        ([name, member]) => `${JSON.stringify(name)}${required.includes(name) ? "" : "?"}: ${typeOf(member)}`,
      );
      if (known.length > 0) return `{ ${known.join("; ")} }`;
      const value = typeof additionalProperties === "object" ? typeOf(additionalProperties as JsonSchema) : "unknown";
      return `Record<string, ${value}>`;
    }
    default:
      return "unknown";
  }
}
