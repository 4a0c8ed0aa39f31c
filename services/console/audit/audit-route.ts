import { mayOperatePlatform } from "@saasaparilla/shared/auth/policies/authorize.ts";
import { numberIn } from "@saasaparilla/shared/http/query-number.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { notAllowed, Refusal, wrongQuery } from "#api/responses.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import type { AuditEntry, AuditReader } from "./audit-reader.ts";

const USUAL = 100;
const MOST = 500;
const OUTCOMES: Readonly<Record<string, (entry: AuditEntry) => boolean>> = {
  allowed: ({ allowed }) => allowed === true,
  refused: ({ allowed }) => allowed === false,
  // A place where requests are missing in the log has no method.
  notable: ({ allowed, method }) => allowed !== true || !READS.has(method),
};
const READS: ReadonlySet<unknown> = new Set(["get", "head"]);
const CURSOR = /^(\d{4}-[\dT:.-]+Z),(\d{1,6})$/;

const answer = z.object({
  items: z.array(z.record(z.string(), z.unknown())),
  next: z.string().optional().meta({ description: "Send it as `before` for older entries." }),
});

/** Who tried what. Operators of the platform read all entries, others those of their tenant. */
export function auditRoute(reader: Pick<AuditReader, "latest">): Route {
  return route({
    method: "GET",
    path: "/v1/audit",
    operation: "listAudit",
    needs: "read",
    of: "anyone",
    summary: "List the newest entries of the audit log, the newest first",
    query: {
      tenant: "Only entries of this tenant.",
      subject: "Only entries of this caller.",
      outcome: "allowed, refused, or notable: all but reads that were allowed.",
      before: "The `next` of the previous page.",
      limit: `The largest number of entries to return, 1 to ${MOST}. The default is ${USUAL}.`,
    },
    status: 200,
    answer,
    async handle(call) {
      const { query } = call;
      const limit = numberIn(query, "limit", { least: 1, most: MOST, otherwise: USUAL });
      const found = await reader.latest(filterOf(call));
      return json(200, pageOf(found, query.get("before"), limit), { "cache-control": "no-store" });
    },
  });
}

function filterOf({ caller, query }: Call): (entry: AuditEntry) => boolean {
  const platform = mayOperatePlatform(caller);
  const asked = query.get("tenant") || undefined;
  const tenant = platform ? asked : caller.tenant;
  if (asked !== undefined && asked !== tenant)
    throw new Refusal(notAllowed(`You may read the entries of the tenant ${caller.tenant} only.`));
  const subject = query.get("subject") || undefined;
  const outcome = query.get("outcome") || undefined;
  if (outcome !== undefined && !Object.hasOwn(OUTCOMES, outcome))
    throw new Refusal(wrongQuery("outcome", Object.keys(OUTCOMES).join(", ")));
  return (entry) =>
    (tenant === undefined || entry.tenant === tenant) &&
    // A refused caller only claims its tenant. Its address must not reach another tenant's operators.
    (platform || entry.allowed === true || entry.source !== undefined) &&
    (subject === undefined || entry.subject === subject) &&
    (outcome === undefined || OUTCOMES[outcome]!(entry));
}

/** `before`: the time of the last entry, and how many entries of that time were shown. */
export function pageOf(entries: readonly AuditEntry[], before: string | null, limit: number): z.output<typeof answer> {
  let rest = entries;
  if (before !== null) {
    const [, at = "", shown = ""] = CURSOR.exec(before) ?? [];
    if (at === "") throw new Refusal(wrongQuery("before", "the `next` of a page"));
    const same = entries.filter((entry) => entry.at === at).slice(Number(shown));
    rest = [...same, ...entries.filter((entry) => entry.at < at)];
  }
  const items = rest.slice(0, limit);
  const last = items.at(-1)?.at;
  if (last === undefined || rest.length <= limit) return { items };
  const earlier = before?.startsWith(`${last},`) ? Number(before.split(",")[1]) : 0;
  const shown = items.filter(({ at }) => at === last).length + earlier;
  return { items, next: `${last},${shown}` };
}
