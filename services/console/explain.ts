import { SCOPES } from "@saasaparilla/shared/access-rows.ts";
import type { Access } from "@saasaparilla/shared/access.ts";
import { idOf, isApiKey } from "@saasaparilla/shared/api-keys.ts";
import { explain } from "@saasaparilla/shared/decide.ts";
import { json } from "@saasaparilla/shared/reply.ts";
import { claimed, type Identities } from "@saasaparilla/shared/identities.ts";
import { Refused, type Identity, type Source } from "@saasaparilla/shared/identity.ts";
import { z } from "zod";
import { route, type Route } from "./routes.ts";

const scope = z.enum(SCOPES);
const client = z.exactOptional(z.string().min(1).max(128));

const question = z.union([
  z.strictObject({ token: z.string().min(1).max(8_192), scope, client }),
  z.strictObject({
    subject: z.string().min(1).max(256),
    scopes: z.array(scope).min(1),
    /** Of the tenant's issuers; where none is named, the platform's own. */
    issuer: z.exactOptional(z.string().min(1).max(500)),
    scope,
    client,
  }),
]);

const answer = z.strictObject({
  allowed: z.boolean(),
  subject: z.string().optional(),
  checks: z.array(z.strictObject({ check: z.string(), holds: z.boolean(), why: z.string().optional() })),
});

interface Known {
  access: Access;
  identities: Identities;
}

const GOOD = "the token is good";

/** Why a request would be allowed or not: the same checks, in the same order, as every service makes. */
export function explainRoute(parts: Known & { refresh: () => Promise<void>; now: () => number }): Route {
  const { access, refresh, now } = parts;
  return route({
    method: "POST",
    path: "/v1/tenants/:tenant/explain-access",
    needs: "read",
    of: "tenant",
    summary: "Why a token, or whoever would have one, may do something or not",
    body: question,
    status: 200,
    answer,
    handle: async ({ tenant }, asked) => {
      await refresh();
      const who = "token" in asked ? await identityOf(parts, asked.token, tenant) : imagined(asked, tenant, now());
      if (typeof who === "string")
        return json(200, { allowed: false, checks: [{ check: GOOD, holds: false, why: who }] });
      const about = asked.client ?? (asked.scope === "subscribe" ? who.subject : undefined);
      const of = asked.scope === "operate" || asked.scope === "read" ? { tenant } : {};
      const checks = explain(access, { identity: who, scope: asked.scope, client: about, now: now(), ...of });
      return json(200, {
        allowed: checks.every(({ holds }) => holds),
        subject: who.subject,
        checks: "token" in asked ? [{ check: GOOD, holds: true }, ...checks] : checks,
      });
    },
  });
}

const OTHER = "it is of another tenant";

/** Or why it is none. Of another tenant's nothing is told, neither whether it is good nor whether there is such a key. */
async function identityOf({ identities, access }: Known, token: string, tenant: string): Promise<Identity | string> {
  try {
    const identity = await identities.identify(token);
    return identity.tenant === tenant ? identity : OTHER;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (isApiKey(token))
      return access.key(idOf(token))?.tenant === tenant ? error.message : "there is no such key here";
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
