import type { Ending, Written } from "./audit-log.ts";
import type { HttpResponse } from "#http/response.ts";

/** For the audit log: the outcome of a request that may change something, taken from its answer. */
export function endingOf({ status, body }: HttpResponse, wrote: readonly Written[] = []): Ending {
  if (status < 300) return { outcome: "committed", ...(wrote.length > 0 && { wrote }) };
  const why = detailOf(body);
  return { outcome: status < 500 ? "refused" : "failed", ...(why !== undefined && { why }) };
}

function detailOf(body: HttpResponse["body"]): string | undefined {
  try {
    const { detail } = JSON.parse(String(body)) as { detail?: unknown };
    return typeof detail === "string" ? detail.slice(0, 300) : undefined;
  } catch {
    return undefined;
  }
}
