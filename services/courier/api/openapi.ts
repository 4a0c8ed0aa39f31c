import { describeParts, type ApiPart } from "@saasaparilla/shared/http/openapi/parts.ts";
import type { Openapi } from "@saasaparilla/shared/http/openapi/document.ts";

export function openapi(parts: readonly ApiPart[]): Openapi {
  const description = "The inbox of a client: a list that is the same on each of its devices.";
  return describeParts({ title: "courier", description, port: 8084 }, parts);
}
