import { authenticateRequest } from "@saasaparilla/shared/auth/authenticate-request.ts";
import type { Known } from "@saasaparilla/shared/auth/asked.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import { html, escape } from "@saasaparilla/shared/http/openapi/html.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { found, isResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { HttpServer } from "@saasaparilla/shared/http/server.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { notAllowed, unavailable } from "#api/responses.ts";
import type { Origin } from "./cookie.ts";
import { SIGN_IN_UNDER_WAY_SECONDS, type OpenId } from "./openid.ts";
import { identityOf, valuesOf, type RoleMapping } from "./roles.ts";
import { SESSION_SECONDS, type Sessions } from "./sessions.ts";

export interface SignInParts {
  /** Undefined: no provider is set. */
  openId: OpenId | undefined;
  claim: string;
  mapping: RoleMapping;
  sessions: Sessions;
  origin: Origin;
  guard: Pick<Guard, "redeem" | "refuse">;
  now: () => number;
  log: Log;
}

/** A browser comes here by a link, and comes back from the provider. */
export function serveSignIn(server: HttpServer, parts: SignInParts): void {
  const { openId, log } = parts;
  const failed = (request: Request, error: unknown): HttpResponse => {
    log.warn({ err: error, path: request.path }, "a sign-in failed");
    return unavailable("The OpenID provider does not answer, or a store of the console is away.");
  };
  server.get("/v1/sign-in", async (request) => {
    if (!openId)
      return explained(
        request,
        "This console has no OpenID provider. Use a sign-in link: npx just console prints one.",
      );
    try {
      const { location, cookie } = await openId.begin();
      const set = parts.origin.setSignInCookie(request.headers, cookie, SIGN_IN_UNDER_WAY_SECONDS);
      const sent = found(location);
      return { ...sent, headers: { ...sent.headers, "set-cookie": set } };
    } catch (error) {
      return failed(request, error);
    }
  });
  server.get("/v1/sign-in/callback", async (request) => {
    try {
      return await completed(request, parts);
    } catch (error) {
      return failed(request, error);
    }
  });
}

async function completed(request: Request, parts: SignInParts): Promise<HttpResponse> {
  const { openId, sessions, origin, guard, claim, mapping, now } = parts;
  let subject: string | undefined;
  const find = async (): Promise<Known | undefined> => {
    const claims = await openId?.complete(origin.signInCookieOf(request.headers), request.query);
    if (!claims) return undefined;
    subject = claims.sub.slice(0, 128);
    const who = { subject, issued: claims.iat, expires: now() + SESSION_SECONDS };
    const identity = identityOf(valuesOf(claims, claim), mapping, who);
    return identity && { identity };
  };
  const caller = await authenticateRequest(() => guard.redeem(find, "read", request, { what: "sign-in" }), {});
  if (!isResponse(caller)) {
    const { cookie } = await sessions.begin(caller);
    const sent = found("/");
    const set = origin.setCookie(request.headers, cookie, SESSION_SECONDS);
    return { ...sent, headers: { ...sent.headers, "set-cookie": set } };
  }
  if (caller.status !== 403) return caller;
  if (subject === undefined) return explained(request, "The sign-in took too long, or began in another browser.");
  return explained(
    request,
    `You are signed in as ${subject}, but your account has no role of this console. It looks for one in the claim ${claim}. Ask an operator of the platform for a role.`,
  );
}

/** A person reads a page, a program a problem. */
function explained({ headers }: Request, why: string): HttpResponse {
  const problem = notAllowed(why);
  if (!(headers.accept ?? "").includes("text/html")) return problem;
  const body = `<h1>You cannot sign in</h1><p>${escape(why)}</p><p><a href="/">Back to the console</a></p>`;
  return { ...html("You cannot sign in", body), status: problem.status };
}
