import { describeService, type Openapi, type Operation } from "./document.ts";
import { Schemas } from "./schemas.ts";

/** A part of the API: its tag, and its operations. Each folder of a service describes its own. */
export interface ApiPart {
  tag: string;
  about: string;
  /** Bearer tokens by name, with the rights that they need. */
  security: Record<string, string>;
  operations(schemas: Schemas): Operation[];
}

export function describeParts(
  service: { title: string; description: string; port: number },
  parts: readonly ApiPart[],
): Openapi {
  const schemas = new Schemas();
  return describeService({
    ...service,
    tags: Object.fromEntries(parts.map(({ tag, about }) => [tag, about])),
    security: Object.assign({}, ...parts.map(({ security }) => security)) as Record<string, string>,
    schemas,
    operations: parts.flatMap((part) => part.operations(schemas)),
  });
}
