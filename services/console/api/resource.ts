import { PLATFORM_TENANT, TENANT_ROW } from "@saasaparilla/shared/auth/policies/schema.ts";
import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import type { Row, StoredRow } from "@saasaparilla/shared/postgres/row-store.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { writtenBy } from "./audit-changes.ts";
import { conflict, notFound, Refusal, upgradeUnfinished, wrongQuery } from "./responses.ts";
import { route, type Call, type Route } from "./routes.ts";

const PAGE = 200;
export const PAGES = {
  after: "The last id of the previous page.",
  limit: `The largest number of entries to return, 1 to ${PAGE}.`,
};

/** A table of documents, and its effects. */
export interface Documents {
  store: {
    list(kind: string, tenant?: string, page?: { after?: string | undefined; limit?: number }): Promise<StoredRow[]>;
    row(kind: string, tenant: string, id: string): Promise<StoredRow | undefined>;
    write(...changes: Row[]): Promise<unknown[]>;
  };
  /** Applies a write here at once. Other services follow a few seconds later. */
  refresh: () => Promise<void>;
  /** The lowest format of the platform at which a document may be written. */
  formatNeeded: (kind: string, value: unknown) => number;
  /** The platform's format: each running service can read it. */
  format: () => number;
}

export interface ResourceParts {
  documents: Documents;
  /** For the tenant that has them. */
  policyStore: Pick<PolicyStore, "find">;
}

interface Resource<Body> {
  kind: string;
  writes: "tenant" | "platform";
  summary: string;
  body: z.ZodType<Body>;
  answer: z.ZodType;
  /** By default letters, digits, - and _. */
  isId?: (id: string) => boolean;
  /** The stored part. Throws a Refusal for errors that the schema cannot express. */
  row: (body: Body) => Promise<object>;
}

/** Resources that a tenant has any number of, each with its own id. */
export function resource<Body>(
  { documents, policyStore }: ResourceParts,
  { kind, writes, summary, body, row, answer, isId }: Resource<Body>,
): Route[] {
  const path = `/v1/tenants/:tenant/${kind}s`;
  const { store } = documents;
  const change = ({ tenant, id }: Call, value: unknown): Row => ({ kind, tenant, id, value });
  const one = { path: `${path}/:id`, ...(isId && { isId }) };
  return [
    route({
      method: "GET",
      path,
      needs: "read",
      of: "tenant",
      summary: `List each ${kind} of a tenant: ${summary}`,
      query: PAGES,
      status: 200,
      answer: listed(kind),
      handle: async ({ tenant, query }) => json(200, await pageOf(documents, kind, tenant, query)),
    }),
    route({
      ...one,
      method: "GET",
      needs: "read",
      of: "tenant",
      summary: `Get one ${kind}: ${summary}`,
      status: 200,
      answer: shown(kind),
      handle: async ({ tenant, id }) => {
        const found = await store.row(kind, tenant, id);
        return found ? json(200, show(found)) : notFound(`such ${kind}`);
      },
    }),
    route({
      ...one,
      method: "PUT",
      needs: "operate",
      of: writes,
      summary: `Create or change one ${kind}: ${summary}`,
      body,
      status: 200,
      answer,
      handle: async (call, asked) => {
        await mustExist(policyStore, call.tenant);
        const value = await row(asked);
        await write(documents, call, change(call, value));
        return json(200, open(value));
      },
    }),
    route({
      ...one,
      method: "DELETE",
      needs: "operate",
      of: writes,
      summary: `Delete one ${kind}`,
      status: 204,
      handle: async (call) => {
        if (!(await store.row(kind, call.tenant, call.id))) return notFound(`such ${kind}`);
        await write(documents, call, change(call, null));
        return { status: 204 };
      },
    }),
  ];
}

export async function write(documents: Documents, call: Call, ...changes: Row[]): Promise<void> {
  const { store, refresh, formatNeeded, format } = documents;
  const needed = Math.max(...changes.map(({ kind, value }) => formatNeeded(kind, value)));
  if (needed > format()) throw new Refusal(upgradeUnfinished(needed, format()));
  const before = await store.write(...changes);
  call.written.push(...changes.map((change, index) => writtenBy(change, before[index])));
  // It is written. A failure to read it here yet does not fail the request.
  await refresh().catch(() => undefined);
}

/** The tenant that operators' tokens name has no document, so it cannot lock them out. */
export function mustBeFree(tenant: string): void {
  if (tenant === PLATFORM_TENANT)
    throw new Refusal(
      conflict(`The tenant ${PLATFORM_TENANT} is reserved for operators' tokens. Choose another name.`),
    );
}

export async function mustExist(policyStore: Pick<PolicyStore, "find">, tenant: string): Promise<void> {
  mustBeFree(tenant);
  if (!(await policyStore.find("tenant", tenant, TENANT_ROW))) throw new Refusal(notFound("such tenant"));
}

export async function pageOf(
  { store }: Pick<Documents, "store">,
  kind: string,
  tenant: string | undefined,
  query: URLSearchParams,
) {
  const asked = query.get("limit") ?? String(PAGE);
  const limit = /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
  if (limit < 1 || limit > PAGE) throw new Refusal(wrongQuery("limit", `a number from 1 to ${PAGE}`));
  const after = query.get("after") ?? undefined;
  if (after?.includes("\0")) throw new Refusal(wrongQuery("after", "the last name of the previous page"));
  const rows = await store.list(kind, tenant, { after, limit: limit + 1 });
  const items = rows.slice(0, limit).map(show);
  const last = items.at(-1);
  return rows.length > limit && last ? { items, next: kind === "tenant" ? last.tenant : last.id } : { items };
}

/** The form that operators see. */
export function show({ tenant, id, value, at }: StoredRow): { tenant: string; id?: string } & Record<string, unknown> {
  return { tenant, ...(id === TENANT_ROW ? {} : { id }), ...open(value as object), changed: at.toISOString() };
}

/** Without a key's hash and a sealed secret, which no answer contains. */
function open(value: object): object {
  const { hash: _hash, sealedSecret: _secret, ...rest } = value as Record<string, unknown>;
  return rest;
}

export function shown(kind: string): z.ZodType {
  const named = { tenant: z.string(), id: z.string().optional(), changed: z.string() };
  return z.looseObject(named).meta({ description: `A ${kind}.` });
}

export function listed(kind: string): z.ZodType {
  return z.strictObject({ items: z.array(shown(kind)), next: z.string().optional() });
}
