import type { Request } from "#http/request.ts";
import type { Identity } from "./identity.ts";

/** The recorded parts of a request, and its headers if it may come from a page. */
export type Asked = Pick<Request, "method" | "route" | "path" | "address"> &
  Partial<Pick<Request, "headers" | "tenant">>;

/** The recorded parts. The headers are left out because they have the token. */
export function copyOf({ method, route, path, address }: Asked): Omit<Asked, "headers" | "tenant"> {
  return { method, route, path, address };
}

/** The address of a request of the distributor can be read only in its own turn. */
export function keptOf(asked: Asked, address = asked.address): Asked {
  return {
    ...copyOf(asked),
    address,
    headers: asked.headers ?? {},
    get tenant(): string {
      return asked.tenant ?? "";
    },
    set tenant(tenant: string) {
      asked.tenant = tenant;
    },
  };
}

export function textOf(claim: unknown): string {
  return typeof claim === "string" ? claim.slice(0, 128) : "";
}

/** A caller that another proof than a token has identified. */
export interface Known {
  identity: Identity;
  /** The console has checked the operators' network of a relayed request. */
  address?: string;
}
