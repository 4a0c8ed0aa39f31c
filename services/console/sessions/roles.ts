import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { PLATFORM_TENANT } from "@saasaparilla/shared/auth/policies/schema.ts";
import { TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";

/** The rights of each value of the roles claim. */
const role = z.strictObject({
  /** `*`: the whole platform. */
  tenant: z.string().refine((name) => name === "*" || TENANT_FORM.test(name), "a tenant, or * for the whole platform"),
  scopes: z.array(z.enum(["read", "operate"])).min(1),
});

export const roleMapping = z
  .string()
  .default("{}")
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: 'JSON, as {"support": {"tenant": "*", "scopes": ["read"]}}' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().min(1), role));

export type RoleMapping = z.output<typeof roleMapping>;

/** The claim may be one text, a list, or nested: `realm_access.roles`. */
export function valuesOf(claims: Readonly<Record<string, unknown>>, claim: string): string[] {
  // A claim's name may itself have dots, as a URL does.
  const found = claim in claims ? claims[claim] : claim.split(".").reduce<unknown>(memberOf, claims);
  const all = Array.isArray(found) ? found : [found];
  return all.filter((one) => typeof one === "string");
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

/**
 * The caller with these roles, or undefined without one. A role of the whole platform comes first. Of the others, the
 * first one of the mapping names the tenant. All roles of that tenant count.
 */
export function identityOf(
  values: readonly string[],
  mapping: RoleMapping,
  who: Pick<Identity, "subject" | "issued" | "expires">,
): Identity | undefined {
  const roles = Object.entries(mapping).flatMap(([value, one]) => (values.includes(value) ? [one] : []));
  const tenant = roles.some((one) => one.tenant === "*") ? "*" : roles[0]?.tenant;
  if (tenant === undefined) return undefined;
  const scopes = new Set<string>(roles.filter((one) => one.tenant === tenant).flatMap((one) => one.scopes));
  const platform = tenant === "*";
  return { ...who, tenant: platform ? PLATFORM_TENANT : tenant, scopes, source: { kind: "console", platform } };
}
