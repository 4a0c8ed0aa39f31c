import type { Api } from "#cli/connection/api.ts";

export interface Page {
  items: Record<string, unknown>[];
  next?: string;
}

/** Reads all pages of a list below /v1/tenants. */
export async function allOf(api: Api, path = ""): Promise<Page["items"]> {
  const items: Page["items"] = [];
  for (let after = ""; ;) {
    const page = await api.ask<Page>("GET", `/v1/tenants${path}${after}`);
    items.push(...page.items);
    if (page.next === undefined) return items;
    after = `?after=${encodeURIComponent(page.next)}`;
  }
}

/** Changes some members of a tenant's document. The others stay, and an undefined one is removed. */
export async function change(api: Api, tenant: string, members: object): Promise<object> {
  const {
    tenant: _name,
    changed: _changed,
    ...rest
  } = await api.ask<Record<string, unknown>>("GET", `/v1/tenants/${tenant}`);
  return api.ask("PUT", `/v1/tenants/${tenant}`, { ...rest, ...members });
}

/** Removes the undefined members. */
export function given(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
