import {
  PLATFORM_TENANT,
  rowSchemas,
  TENANT_ROW,
  type RowKind,
  type RowOf,
} from "@saasaparilla/shared/auth/policies/schema.ts";
import type { PolicyStore, Change, StoredRow } from "@saasaparilla/shared/auth/policies/store.ts";
import { LEEWAY_SECONDS } from "@saasaparilla/shared/auth/identity.ts";
import type { JwksAddresses } from "@saasaparilla/shared/auth/tokens/jwks-address.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import type { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import { LIMITS, WEIGHTS } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";
import { conflict, notFound, Refusal, wrongBody, wrongQuery } from "#api/responses.ts";
import { issuerBody, issuerRow, shownIssuer } from "./issuers.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import { writtenBy } from "./audit-changes.ts";

export interface ConsoleParts {
  policyStore: PolicyStore;
  /** Applies a write here at once. Other services follow a few seconds later. */
  refresh: () => Promise<void>;
  /** Seconds since 1970. */
  now: () => number;
  /** The platform's own issuer. No tenant has this name. */
  issuer: string;
  /** Seals the secrets of issuers. */
  secrets: SealedSecrets;
  /** The environment that new API keys contain. */
  environment: string;
  /** The permitted sources of issuers' keys. */
  jwksAddresses: Pick<JwksAddresses, "refusal">;
}

const NAMES = { tenant: "tenant", issuer: "issuer", grant: "grant", revocation: "revocation" } as const;
const PAGE = 200;

/** Documents that are written as a whole: tenants, and their issuers, grants and revocations. */
export function documentRoutes(parts: ConsoleParts): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/tenants",
      needs: "read",
      of: "platform",
      summary: "List all tenants, by name",
      query: {
        after: "The last name of the previous page.",
        limit: `The largest number of entries to return, 1 to ${PAGE}.`,
      },
      status: 200,
      answer: listed("tenant"),
      handle: async ({ query }) => json(200, await pageOf(parts.policyStore, "tenant", undefined, query)),
    }),
    route({
      method: "GET",
      path: "/v1/tenants/:tenant",
      needs: "read",
      of: "tenant",
      summary: "Get one tenant",
      status: 200,
      answer: shown("tenant"),
      handle: async ({ tenant }) => {
        const [row] = await parts.policyStore.list("tenant", tenant);
        return row ? json(200, show(row)) : notFound("such tenant");
      },
    }),
    route({
      method: "PUT",
      path: "/v1/tenants/:tenant",
      needs: "operate",
      of: "platform",
      summary:
        "Create or change a tenant. A suspended tenant can do nothing, and its connections are closed within a minute",
      body: rowSchemas.tenant
        .refine(({ limits }) => Object.keys(limits).every((name) => LIMITS.includes(name)), {
          path: ["limits"],
          message: `has unknown limits: the limits are ${LIMITS.join(", ")}`,
        })
        .refine(({ limits: { weight = 1 } }) => weight >= WEIGHTS.least && weight <= WEIGHTS.most, {
          path: ["limits", "weight"],
          message: `must be a number from ${WEIGHTS.least} to ${WEIGHTS.most}`,
        }),
      status: 200,
      answer: rowSchemas.tenant,
      handle: async (call, value) => {
        const { tenant } = call;
        mustBeFree(tenant);
        await write(parts, call, { kind: "tenant", tenant, id: TENANT_ROW, value });
        return json(200, value);
      },
    }),
    ...resource(parts, {
      kind: "issuer",
      // A caller that may enter any address makes the platform send requests to it.
      writes: "platform",
      summary: "its tokens are valid for this tenant only",
      body: issuerBody.refine(({ issuer }) => issuer !== parts.issuer, "it is the platform's own issuer"),
      answer: shownIssuer,
      row: async (body) => {
        const value = await issuerRow(body, parts.secrets);
        const { jwksUrl } = value;
        const message = jwksUrl === undefined ? undefined : await parts.jwksAddresses.refusal(new URL(jwksUrl));
        if (message !== undefined) throw new Refusal(wrongBody([{ path: ["jwksUrl"], message }]));
        return value;
      },
    }),
    ...resource(parts, {
      kind: "grant",
      writes: "tenant",
      summary: "gives a role to subjects, for some clients",
      body: rowSchemas.grant,
      row: async (body) => body,
    }),
    ...resource(parts, {
      kind: "revocation",
      writes: "tenant",
      summary:
        "invalidates everything issued to a subject until a time, or with the id * everything of the tenant. Without `before`, until the time of the request",
      body: revocation,
      row: async (body) => revocationRow(body, parts.now()),
    }),
  ];
}

const revocation = z.strictObject({
  before: z.exactOptional(
    rowSchemas.revocation.shape.before.meta({
      description: `Seconds since 1970, at most ${LEEWAY_SECONDS} s in the future. The default is the time of the request.`,
    }),
  ),
});

/** A later time would also refuse every future token. */
function revocationRow({ before }: z.output<typeof revocation>, now: number): RowOf<"revocation"> {
  if (before !== undefined && before > now + LEEWAY_SECONDS) {
    const message = `it is in the future: expected seconds since 1970, now at most ${now + LEEWAY_SECONDS}`;
    throw new Refusal(wrongBody([{ path: ["before"], message }]));
  }
  return { before: before ?? now };
}

interface Resource<K extends keyof typeof NAMES, Body> {
  kind: K;
  writes: "tenant" | "platform";
  summary: string;
  body: z.ZodType<Body>;
  answer?: z.ZodType;
  /** The stored part. Throws a Refusal for errors that the schema cannot express. */
  row: (body: Body) => Promise<RowOf<K>>;
}

/** Resources that a tenant has any number of, each with its own id. */
function resource<K extends "issuer" | "grant" | "revocation", Body>(
  parts: ConsoleParts,
  { kind, writes, summary, body, row, answer = rowSchemas[kind] }: Resource<K, Body>,
): Route[] {
  const path = `/v1/tenants/:tenant/${NAMES[kind]}s`;
  const change = ({ tenant, id }: Call, value: unknown): Change => ({ kind, tenant, id, value }) as Change;
  return [
    route({
      method: "GET",
      path,
      needs: "read",
      of: "tenant",
      summary: `List each ${kind} of a tenant: ${summary}`,
      query: {
        after: "The last id of the previous page.",
        limit: `The largest number of entries to return, 1 to ${PAGE}.`,
      },
      status: 200,
      answer: listed(kind),
      handle: async ({ tenant, query }) => json(200, await pageOf(parts.policyStore, kind, tenant, query)),
    }),
    route({
      method: "PUT",
      path: `${path}/:id`,
      needs: "operate",
      of: writes,
      summary: `Create or change one ${kind}: ${summary}`,
      body,
      status: 200,
      answer,
      handle: async (call, asked) => {
        await mustExist(parts.policyStore, call.tenant);
        const value = await row(asked);
        await write(parts, call, change(call, value));
        return json(200, open(value));
      },
    }),
    route({
      method: "DELETE",
      path: `${path}/:id`,
      needs: "operate",
      of: writes,
      summary: `Delete one ${kind}`,
      status: 204,
      handle: async (call) => {
        if (!(await parts.policyStore.find(kind, call.tenant, call.id))) return notFound(`such ${kind}`);
        await write(parts, call, change(call, null));
        return { status: 204 };
      },
    }),
  ];
}

export async function write({ policyStore, refresh }: ConsoleParts, call: Call, ...changes: Change[]): Promise<void> {
  const before = await policyStore.write(...changes);
  call.written.push(...changes.map((change, index) => writtenBy(change, before[index])));
  // It is written. A failure to read it here yet does not fail the request.
  await refresh().catch(() => undefined);
}

/** The tenant that operators' tokens name has no document, so it cannot lock them out. */
function mustBeFree(tenant: string): void {
  if (tenant === PLATFORM_TENANT)
    throw new Refusal(
      conflict(`The tenant ${PLATFORM_TENANT} is reserved for operators' tokens. Choose another name.`),
    );
}

export async function mustExist(policyStore: PolicyStore, tenant: string): Promise<void> {
  mustBeFree(tenant);
  if (!(await policyStore.find("tenant", tenant, TENANT_ROW))) throw new Refusal(notFound("such tenant"));
}

async function pageOf(policyStore: PolicyStore, kind: RowKind, tenant: string | undefined, query: URLSearchParams) {
  const asked = query.get("limit") ?? String(PAGE);
  const limit = /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
  if (limit < 1 || limit > PAGE) throw new Refusal(wrongQuery("limit", `a number from 1 to ${PAGE}`));
  const after = query.get("after") ?? undefined;
  if (after?.includes("\0")) throw new Refusal(wrongQuery("after", "the last name of the previous page"));
  const rows = await policyStore.list(kind, tenant, { after, limit: limit + 1 });
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

function shown(kind: RowKind): z.ZodType {
  const named = { tenant: z.string(), id: z.string().optional(), changed: z.string() };
  return z.looseObject(named).meta({ description: `A ${kind}.` });
}

export function listed(kind: RowKind): z.ZodType {
  return z.strictObject({ items: z.array(shown(kind)), next: z.string().optional() });
}
