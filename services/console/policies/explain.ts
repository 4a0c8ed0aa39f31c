import { SCOPES, type Scope } from "@saasaparilla/shared/auth/policies/schema.ts";
import type { Policies } from "@saasaparilla/shared/auth/policies/policies.ts";
import { idOf, isApiKey } from "@saasaparilla/shared/auth/tokens/api-keys.ts";
import { explain } from "@saasaparilla/shared/auth/policies/authorize.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { claimed, type Authenticator } from "@saasaparilla/shared/auth/authenticator.ts";
import { Refused, type Identity, type Source } from "@saasaparilla/shared/auth/identity.ts";
import type { Cors } from "@saasaparilla/shared/http/allowed-origins.ts";
import { subject } from "@saasaparilla/shared/auth/subject.ts";
import { targetForm } from "@saasaparilla/shared/auth/policies/target-patterns.ts";
import { z } from "zod";
import { route, type Route } from "#api/routes.ts";

const scope = z.enum(SCOPES);
const client = z.exactOptional(z.string().min(1).max(128));
const target = z.exactOptional(targetForm);
const origin = z
  .string()
  .min(1)
  .max(300)
  .meta({ description: "The origin as a browser sends it: https://app.example.com" });

const question = z.union([
  z.strictObject({ token: z.string().min(1).max(8_192), scope, client, target, origin: z.exactOptional(origin) }),
  z.strictObject({
    subject,
    scopes: z.array(scope).min(1),
    /** One of the tenant's issuers. Without it, the platform's own. */
    issuer: z.exactOptional(z.string().min(1).max(500)),
    scope,
    client,
    target,
    origin: z.exactOptional(origin),
  }),
  z.strictObject({ origin }),
]);

const answer = z.strictObject({
  allowed: z.boolean(),
  subject: z.string().optional(),
  checks: z.array(z.strictObject({ check: z.string(), holds: z.boolean(), why: z.string().optional() })),
});

interface Known {
  policies: Policies;
  authenticator: Authenticator;
  cors: Cors;
}

type Check = { check: string; holds: boolean; why?: string };

const GOOD = "the token is good";

/** Explains why a request would be allowed or refused: the same checks, in the same order, as every service. */
export function explainRoute(parts: Known & { refresh: () => Promise<void>; now: () => number }): Route {
  const { refresh } = parts;
  return route({
    method: "POST",
    path: "/v1/tenants/:tenant/explain-access",
    needs: "read",
    of: "tenant",
    summary: "Explain why a token or a subject may do something or not",
    body: question,
    status: 200,
    answer,
    handle: async ({ tenant }, asked) => {
      await refresh();
      const page = asked.origin === undefined ? [] : [originCheck(parts.cors, asked.origin, tenant)];
      const { subject, checks } = "scope" in asked ? await checksOf(parts, asked, tenant) : { checks: [] };
      const all = [...page, ...checks];
      return json(200, {
        allowed: all.every(({ holds }) => holds),
        ...(subject !== undefined && { subject }),
        checks: all,
      });
    },
  });
}

type Asked = { scope: Scope; client?: string; target?: string } & (
  | { token: string }
  | { subject: string; scopes: readonly string[]; issuer?: string }
);

async function checksOf(
  parts: Known & { now: () => number },
  asked: Asked,
  tenant: string,
): Promise<{ subject?: string; checks: Check[] }> {
  const now = parts.now();
  const who = "token" in asked ? await identityOf(parts, asked.token, tenant) : imagined(asked, tenant, now);
  if (typeof who === "string") return { checks: [{ check: GOOD, holds: false, why: who }] };
  const about = asked.client ?? (asked.scope === "subscribe" ? who.subject : undefined);
  const of = asked.scope === "operate" || asked.scope === "read" ? { tenant } : {};
  const { scope, target } = asked;
  const checks = explain(parts.policies, { identity: who, scope, client: about, target, now, ...of });
  return { subject: who.subject, checks: "token" in asked ? [{ check: GOOD, holds: true }, ...checks] : checks };
}

function originCheck(cors: Cors, origin: string, tenant: string): Check {
  const check = "pages of this origin may call";
  const why = malformed(origin) ?? cors.refusal(origin, tenant);
  return why === undefined ? { check, holds: true } : { check, holds: false, why };
}

/** Values that people take for an origin, but no browser sends. */
function malformed(origin: string): string | undefined {
  if (origin === "null")
    return 'a page from a file, a data: URL or a sandboxed frame has the origin "null", which cannot be allowed: serve it from a web server';
  if (!URL.canParse(origin)) return "it is not an origin: a browser sends https://app.example.com";
  const actual = new URL(origin).origin;
  return actual === origin || actual === "null"
    ? undefined
    : `it is not an origin: a browser sends ${actual} for this page`;
}

const OTHER = "it belongs to another tenant";

/**
 * Returns the identity, or the reason for its refusal. It reveals nothing about another tenant's key, not even whether
 * it exists.
 */
async function identityOf(
  { authenticator, policies }: Known,
  token: string,
  tenant: string,
): Promise<Identity | string> {
  try {
    const identity = await authenticator.identify(token);
    return identity.tenant === tenant ? identity : OTHER;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (isApiKey(token)) return policies.key(idOf(token))?.tenant === tenant ? error.message : "there is no such key";
    const said = claimed(token)?.tenant;
    return said === undefined || said === tenant ? error.message : OTHER;
  }
}

function imagined(
  { subject, scopes, issuer }: { subject: string; scopes: readonly string[]; issuer?: string },
  tenant: string,
  now: number,
): Identity {
  const source: Source = issuer === undefined ? { kind: "platform" } : { kind: "issuer", name: issuer };
  return { tenant, subject, scopes: new Set(scopes), expires: now + 60, issued: now, source };
}
