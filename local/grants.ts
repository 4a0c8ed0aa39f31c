import { signToken } from "./sign-token.ts";
import { reasonOf, UserError } from "#local/process/user-error.ts";

const TENANT = "local";
/** The default names of `just token --publisher` and `--consumer`. */
const GRANTS = {
  "developer-publisher": { role: "publisher", subjects: ["publisher"], clients: ["*"], targets: ["*"] },
  "developer-consumer": { role: "consumer", subjects: ["consumer"], targets: ["*"] },
};

/**
 * The scopes of a token name no targets, so the developer's own publisher and consumer get them here. Only the local
 * start does this. A grant that is there stays as it is.
 */
export async function grantTargets(console: string): Promise<void> {
  // With their own identity provider, operators create the grants.
  if (process.env.AUTH_JWKS) return;
  const token = await signToken({ operator: "local" });
  for (const [id, grant] of Object.entries(GRANTS)) {
    const ask = async (method: "GET" | "PUT", body?: string): Promise<Response> => {
      const response = await fetch(`${console}/v1/tenants/${TENANT}/grants/${id}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body }),
      });
      await response.body?.cancel();
      return response;
    };
    try {
      if ((await ask("GET")).status !== 404) continue;
      const { status, ok } = await ask("PUT", JSON.stringify(grant));
      // Without the tenant `local` there is no grant.
      if (!ok && status !== 404) throw new Error(`the console answered ${status}`);
    } catch (error) {
      throw new UserError(
        `The developer's grant for queues and groups was not written: ${reasonOf(error)}.`,
        "See its log: npx just logs console",
        { cause: error },
      );
    }
  }
}
