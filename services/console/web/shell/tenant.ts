import { useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import type { Listed, Tenant } from "#api/documents.ts";
import { useRead } from "#api/queries.ts";
import { useSession, type Session } from "#api/session.ts";

const KEY = "tenant";

/** The tenant of the page, else the last one, else the first that the person may see. */
export function useTenant(): string | undefined {
  const session = useSession();
  const { tenant } = useParams({ strict: false });
  useEffect(() => {
    if (tenant !== undefined) localStorage.setItem(KEY, tenant);
  }, [tenant]);
  const known = tenant ?? rememberedTenant(session);
  const first = useRead<Listed<Tenant>>("/v1/tenants", {
    query: { limit: 1 },
    when: known === undefined && session.platform,
  });
  return known ?? first.data?.items[0]?.tenant;
}

function rememberedTenant({ platform, tenants }: Session): string | undefined {
  const last = localStorage.getItem(KEY);
  if (last !== null && (platform || tenants.includes(last))) return last;
  return tenants[0];
}
