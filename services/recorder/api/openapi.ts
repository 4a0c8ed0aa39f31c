import { describeParts } from "@saasaparilla/shared/http/openapi/parts.ts";
import type { Openapi } from "@saasaparilla/shared/http/openapi/document.ts";

/** It has only health and metrics. */
export function openapi(): Openapi {
  const description = "Writes the events of all services to the timeline, which is in Postgres.";
  return describeParts({ title: "recorder", description, port: 8086 }, []);
}
