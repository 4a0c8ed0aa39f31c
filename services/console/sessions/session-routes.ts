import { claimed } from "@saasaparilla/shared/auth/authenticator.ts";
import { bearer, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import { mayOperatePlatform } from "@saasaparilla/shared/auth/policies/authorize.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { notAllowed, Refusal } from "#api/responses.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import type { Origin } from "./cookie.ts";
import { SESSION_SECONDS, SIGN_IN_SECONDS, type Session, type Sessions } from "./sessions.ts";

const answer = z.strictObject({
  subject: z.string(),
  platform: z.boolean().meta({ description: "An operator of the platform reaches every tenant." }),
  tenants: z.array(z.string()).meta({ description: "The tenants of other operators." }),
  scopes: z.array(z.string()),
  csrf: z.string().meta({ description: "Send it as x-csrf-token with each request that is not GET or HEAD." }),
  expires: z.iso.datetime(),
});

const PATH = "/v1/session";
const NO_STORE = { "cache-control": "no-store" };

/** Sign-in by a token that works once, and the session that follows. */
export function sessionRoutes({ sessions, origin }: { sessions: Sessions; origin: Origin }): Route[] {
  return [
    route({
      method: "POST",
      path: PATH,
      operation: "beginSession",
      needs: "read",
      of: "anyone",
      summary: `Begin a session with a token that has a jti and is valid for at most ${SIGN_IN_SECONDS / 60} minutes. It works once`,
      status: 201,
      answer,
      async handle({ caller, request }) {
        const tokenId = signInTokenId(bearer(request.headers.authorization), caller);
        if (!(await sessions.useUp(tokenId))) throw new Refusal(notAllowed("This sign-in token was used before."));
        const { cookie, session } = await sessions.begin(caller);
        const set = origin.setCookie(request.headers, cookie, SESSION_SECONDS);
        return json(201, shown(session), { ...NO_STORE, "set-cookie": set });
      },
    }),
    route({
      method: "GET",
      path: PATH,
      operation: "getSession",
      needs: "read",
      of: "anyone",
      summary: "Get the caller of this session",
      status: 200,
      answer,
      handle: async (call) => json(200, shown(sessionOf(call)), NO_STORE),
    }),
    route({
      method: "DELETE",
      path: PATH,
      operation: "endSession",
      needs: "read",
      of: "anyone",
      summary: "End this session",
      status: 204,
      async handle(call): Promise<HttpResponse> {
        await sessions.end(sessionOf(call).name);
        return { status: 204, headers: { "set-cookie": origin.setCookie(call.request.headers, "", 0) } };
      },
    }),
  ];
}

/** The guard has verified the token. Throws a Refusal if it cannot begin a session. */
function signInTokenId(token: string | undefined, { expires, issued, source }: Identity): string {
  const claims = claimed(token);
  const jti = claims?.jti;
  if (source.kind === "key" || typeof jti !== "string" || jti === "" || expires - issued > SIGN_IN_SECONDS)
    throw new Refusal(notAllowed(`A session needs a token with a jti that is valid for at most ${SIGN_IN_SECONDS} s.`));
  // Two issuers may give the same id.
  return JSON.stringify([claims?.iss, jti]);
}

function sessionOf({ session }: Call): Session {
  if (!session) throw new Refusal(notAllowed("This request has no session cookie. Sign in first."));
  return session;
}

function shown({ identity, csrf }: Session): z.output<typeof answer> {
  const { subject, tenant, scopes, expires } = identity;
  const platform = mayOperatePlatform(identity);
  return {
    subject,
    platform,
    tenants: platform ? [] : [tenant],
    // The scope operate includes read.
    scopes: [...new Set([...scopes, ...(scopes.has("operate") ? ["read"] : [])])].filter((one) => ROLES.has(one)),
    csrf,
    expires: new Date(expires * 1_000).toISOString(),
  };
}

const ROLES: ReadonlySet<string> = new Set(["read", "operate"]);
