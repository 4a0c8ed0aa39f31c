/**
 * The tenant that a token names, before its signature is checked; undefined where it names none. Only good to refuse by: in a storm those
 * whose tenant is over its share are refused without the cost of a signature, and who lies harms itself alone.
 */
export function claimedTenant(token: string | undefined): string | undefined {
  const [, claims] = token?.split(".", 3) ?? [];
  if (!claims) return undefined;
  try {
    const { tenant } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { tenant?: unknown };
    return typeof tenant === "string" ? tenant : undefined;
  } catch {
    return undefined;
  }
}
