import { describeParts, type ApiPart } from "@saasaparilla/shared/http/openapi/parts.ts";
import type { Openapi } from "@saasaparilla/shared/http/openapi/document.ts";

export function openapi(parts: readonly ApiPart[]): Openapi {
  const description =
    "Queues, groups and publications. Your consumers read messages from queues. Groups reach many clients with one publication.";
  return describeParts({ title: "dispatcher", description, port: 8085 }, parts);
}
