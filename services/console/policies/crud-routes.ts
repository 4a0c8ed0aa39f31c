import { rowSchemas, TENANT_ROW, type RowOf } from "@saasaparilla/shared/auth/policies/schema.ts";
import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { LEEWAY_SECONDS } from "@saasaparilla/shared/auth/identity.ts";
import type { JwksAddresses } from "@saasaparilla/shared/auth/tokens/jwks-address.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import type { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import { LIMITS, WEIGHTS } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { subjectProblem } from "@saasaparilla/shared/auth/subject.ts";
import { z } from "zod";
import { listed, mustBeFree, pageOf, PAGES, resource, show, shown, write, type Documents } from "#api/resource.ts";
import { notFound, Refusal, wrongBody } from "#api/responses.ts";
import { issuerBody, issuerRow, shownIssuer } from "./issuers.ts";
import { route, type Route } from "#api/routes.ts";

export interface ConsoleParts {
  policyStore: PolicyStore;
  /** The policies, as documents. */
  documents: Documents;
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

/** Documents that are written as a whole: tenants, and their issuers, grants and revocations. */
export function documentRoutes(parts: ConsoleParts): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/tenants",
      needs: "read",
      of: "platform",
      summary: "List all tenants, by name",
      query: { ...PAGES, after: "The last name of the previous page." },
      status: 200,
      answer: listed("tenant"),
      handle: async ({ query }) => json(200, await pageOf(parts.documents, "tenant", undefined, query)),
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
        await write(parts.documents, call, { kind: "tenant", tenant, id: TENANT_ROW, value });
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
      summary: "gives a role to subjects, for some clients and targets",
      body: rowSchemas.grant,
      answer: rowSchemas.grant,
      row: async (body) => body,
    }),
    ...resource(parts, {
      kind: "revocation",
      writes: "tenant",
      summary:
        "invalidates everything issued to a subject until a time, or with the id * everything of the tenant. Without `before`, until the time of the request",
      body: revocation,
      answer: rowSchemas.revocation,
      isId: isRevocationId,
      row: async (body) => revocationRow(body, parts.now()),
    }),
  ];
}

/** A subject, or `*` for all of the tenant. */
const isRevocationId = (id: string): boolean => id === "*" || subjectProblem(id) === undefined;

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
