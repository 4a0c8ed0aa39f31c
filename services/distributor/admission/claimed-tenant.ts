/**
 * The tenant that a token names, before its signature is checked; undefined if it names none. Use it only to refuse. In
 * a storm, clients of a tenant over its share are refused without the cost of a signature. A client that lies harms
 * only itself.
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
