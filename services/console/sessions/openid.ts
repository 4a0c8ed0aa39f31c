import * as oidc from "openid-client";
import { Failure } from "@saasaparilla/shared/runtime/errors.ts";
import type { SealedSecrets } from "@saasaparilla/shared/auth/tokens/sealed-secrets.ts";
import { z } from "zod";

/** A person signs in within this time. */
export const SIGN_IN_UNDER_WAY_SECONDS = 600;
const PATIENCE_SECONDS = 10;
const CALLBACK = "/v1/sign-in/callback";
const OWNER = "sign-in";

export interface OpenIdSettings {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** The console's own address. */
  consoleUrl: string;
  scope: string;
}

const underWay = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), until: z.number() });

/** The claims of a person whom the provider knows. */
export type Claims = Readonly<Record<string, unknown>> & { sub: string; iat: number };

/**
 * Sign-in at an OpenID provider by the code flow with PKCE, state and nonce. What belongs to a sign-in under way is
 * sealed in a cookie, so a flood of sign-ins fills no store.
 */
export class OpenId {
  readonly #settings: OpenIdSettings;
  readonly #secrets: SealedSecrets;
  readonly #now: () => number;
  #found: Promise<oidc.Configuration> | undefined;

  constructor(settings: OpenIdSettings, secrets: SealedSecrets, now: () => number) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#now = now;
  }

  /** The provider's page, and the sealed text of the cookie. */
  async begin(): Promise<{ location: string; cookie: string }> {
    const configuration = await this.#configuration();
    const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()];
    const until = this.#now() + SIGN_IN_UNDER_WAY_SECONDS;
    const location = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: new URL(CALLBACK, this.#settings.consoleUrl).href,
      scope: this.#settings.scope,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      nonce,
    });
    const plain = JSON.stringify({ state, nonce, verifier, until });
    return { location: location.href, cookie: await this.#secrets.seal(Buffer.from(plain), OWNER) };
  }

  /** Undefined: the sign-in was not begun in this browser, took too long, or the provider refused it. */
  async complete(cookie: string | undefined, query: URLSearchParams): Promise<Claims | undefined> {
    const plain = cookie === undefined ? undefined : await this.#secrets.tryOpen(cookie, OWNER);
    if (!plain) return undefined;
    const { state, nonce, verifier, until } = underWay.parse(JSON.parse(Buffer.from(plain).toString()));
    if (until < this.#now()) return undefined;
    const configuration = await this.#configuration();
    const callback = new URL(`${CALLBACK}?${query}`, this.#settings.consoleUrl);
    try {
      const tokens = await oidc.authorizationCodeGrant(configuration, callback, {
        pkceCodeVerifier: verifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (!claims) return undefined;
      // Some providers give roles only there.
      const more = configuration.serverMetadata().userinfo_endpoint
        ? await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        : {};
      return { ...more, ...claims };
    } catch (error) {
      if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError) return undefined;
      if (error instanceof oidc.ClientError && !(error.cause instanceof TypeError)) return undefined;
      throw new Failure("retry", "The OpenID provider does not answer.", { cause: error });
    }
  }

  /** A failed discovery is asked for again at the next sign-in. */
  #configuration(): Promise<oidc.Configuration> {
    this.#found ??= this.#discover().catch((error: unknown) => {
      this.#found = undefined;
      throw new Failure("retry", "The OpenID provider does not answer.", { cause: error });
    });
    return this.#found;
  }

  #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret } = this.#settings;
    const server = new URL(issuer);
    return oidc.discovery(server, clientId, clientSecret, oidc.ClientSecretPost(clientSecret), {
      timeout: PATIENCE_SECONDS,
      // The settings allow http only on this machine. The library marks it deprecated so that it stands out.
      // oxlint-disable-next-line typescript/no-deprecated
      execute: server.protocol === "http:" ? [oidc.allowInsecureRequests] : [],
    });
  }
}
