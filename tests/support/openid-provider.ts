import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import Provider from "oidc-provider";

const AUDIENCE = "https://notifications.example";
const REDIRECT = "https://shop.example/callback";
const SECRET = randomBytes(20).toString("hex");

interface Options {
  /** Where the provider sends a browser back to. */
  redirect?: string;
  /** The roles of each user. */
  roles?: Readonly<Record<string, readonly string[]>>;
}

export interface OpenIdProvider {
  /** The credentials of the registered client. */
  client: { id: string; secret: string };
  /** Signs a user in from the page at `start`, and returns the address to which the browser is sent back. */
  signIn(start: string, name: string): Promise<URL>;
  /** The issuer's document for the console, from its discovery document. */
  row: { issuer: string; audience: string; algorithms: string[]; jwksUrl: string; scopePrefix: string };
  /** An access token for a service, by its credentials. */
  forService(scope: string): Promise<string>;
  /** An access token for a user, who signs in and consents. */
  forUser(name: string, scope: string): Promise<string>;
  close(): void;
}

/** A certified OpenID provider, in this process: discovery, keys, client credentials, and the code flow with PKCE. */
export async function startOpenIdProvider({ redirect = REDIRECT, roles = {} }: Options = {}): Promise<OpenIdProvider> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on("request", new Provider(issuer, configuration(redirect, roles)).callback());
  const { jwks_uri, token_endpoint, authorization_endpoint } = (await (
    await fetch(`${issuer}/.well-known/openid-configuration`)
  ).json()) as Record<string, string>;

  async function token(parameters: Record<string, string>): Promise<string> {
    const body = new URLSearchParams({ ...parameters, client_id: "shop", client_secret: SECRET, resource: AUDIENCE });
    const answer = (await (await fetch(token_endpoint!, { method: "POST", body })).json()) as { access_token?: string };
    if (answer.access_token === undefined) throw new Error(`No token was given: ${JSON.stringify(answer)}`);
    return answer.access_token;
  }

  return {
    client: { id: "shop", secret: SECRET },
    signIn: (start, name) => signIn(start, name, redirect),
    row: { issuer, audience: AUDIENCE, algorithms: ["ES256"], jwksUrl: jwks_uri!, scopePrefix: "notifications:" },
    forService: (scope) => token({ grant_type: "client_credentials", scope }),
    async forUser(name, scope) {
      const verifier = randomBytes(32).toString("base64url");
      const asked = new URLSearchParams({
        client_id: "shop",
        response_type: "code",
        redirect_uri: REDIRECT,
        scope: `openid ${scope}`,
        resource: AUDIENCE,
        code_challenge: createHash("sha256").update(verifier).digest("base64url"),
        code_challenge_method: "S256",
      });
      const back = await signIn(`${authorization_endpoint}?${asked}`, name, REDIRECT);
      const code = back.searchParams.get("code")!;
      return token({ grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: verifier });
    },
    close: () => void server.close(),
  };
}

/** Acts as a browser: follows redirects with cookies, and sends the forms of sign-in and consent. */
async function signIn(start: string, name: string, redirect: string): Promise<URL> {
  const cookies = new Map<string, string>();
  const forms = [
    new URLSearchParams({ prompt: "login", login: name, password: "x" }),
    new URLSearchParams({ prompt: "consent" }),
  ];
  for (let url = start, body: URLSearchParams | undefined, step = 0; step < 12; step += 1) {
    const cookie = Array.from(cookies, ([key, value]) => `${key}=${value}`).join("; ");
    const answer = await fetch(url, { redirect: "manual", headers: { cookie }, ...(body && { method: "POST", body }) });
    for (const line of answer.headers.getSetCookie()) {
      const [key = "", value = ""] = line.split(";")[0]!.split("=");
      cookies.set(key, value);
    }
    await answer.text();
    body = answer.status === 200 ? forms.shift() : undefined;
    if (answer.status !== 200) url = new URL(answer.headers.get("location")!, url).href;
    if (url.startsWith(redirect)) return new URL(url);
  }
  throw new Error("The sign-in did not end.");
}

function configuration(redirect: string, roles: NonNullable<Options["roles"]>): object {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256", kid: "k" };
  const scope = "notifications:publish notifications:subscribe orders:read";
  return {
    jwks: { keys: [key] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    scopes: ["openid", ...scope.split(" ")],
    clients: [
      {
        client_id: "shop",
        client_secret: SECRET,
        redirect_uris: [redirect],
        grant_types: ["client_credentials", "authorization_code"],
        token_endpoint_auth_method: "client_secret_post",
        id_token_signed_response_alg: "ES256",
      },
    ],
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id, roles: roles[id] }) }),
    claims: { openid: ["sub", "roles"] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope,
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}
