import { Schemas } from "@saasaparilla/shared/http/openapi/schemas.ts";
import { describeService, type Openapi, type Operation } from "@saasaparilla/shared/http/openapi/document.ts";

/** A part of the API: its tag, and its operations. Each subfolder describes its own. */
export interface ApiPart {
  tag: string;
  about: string;
  /** Bearer tokens by name, with the rights that they need. */
  security: Record<string, string>;
  operations(schemas: Schemas): Operation[];
}

export function openapi(parts: readonly ApiPart[]): Openapi {
  const schemas = new Schemas();
  return describeService({
    title: "dispatcher",
    description:
      "Queues, groups and publications. Your consumers read messages from queues. Groups reach many clients with one publication.",
    port: 8085,
    tags: Object.fromEntries(parts.map(({ tag, about }) => [tag, about])),
    security: Object.assign({}, ...parts.map(({ security }) => security)) as Record<string, string>,
    schemas,
    operations: parts.flatMap((part) => part.operations(schemas)),
  });
}
