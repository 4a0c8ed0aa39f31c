import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import type { Sign } from "./signer.ts";

const TIMEOUT_MS = 1_000;

/** Warns, because every service refuses a token for an unknown tenant. It does not wait for a silent console. */
export async function warnUnlessKnown(
  tenant: string,
  { sign, consoleUrl, program }: { sign: Sign; consoleUrl: string | undefined; program: string },
): Promise<void> {
  if (tenant === PLATFORM_TENANT || consoleUrl === undefined) return;
  const headers = { authorization: `Bearer ${await sign({ operator: "local", ttl: 60 })}` };
  const status = await fetch(`${consoleUrl}/v1/tenants/${tenant}`, {
    headers,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).then(
    async (response) => {
      await response.body?.cancel();
      return response.status;
    },
    () => undefined,
  );
  if (status === 404)
    process.stderr.write(
      `There is no tenant ${tenant}, so this token is refused. Add it: ${program} tenant add ${tenant}\n`,
    );
}
