import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import { consoleUrl } from "./console-client.ts";
import { signToken } from "#local/sign-token.ts";

const PATIENCE_MS = 1_000;

/** A token for a tenant that is not there is refused everywhere. A console that does not run is not asked. */
export async function warnUnlessKnown(tenant: string): Promise<void> {
  if (tenant === PLATFORM_TENANT) return;
  const headers = { authorization: `Bearer ${await signToken({ operator: "local" })}` };
  const status = await fetch(`${consoleUrl}/v1/tenants/${tenant}`, {
    headers,
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => undefined,
  );
  if (status === 404)
    process.stderr.write(
      `There is no tenant ${tenant}, so this token is refused. Add it: npx just tenant add ${tenant}\n`,
    );
}
