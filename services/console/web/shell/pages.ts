import type { IconName } from "./icon.tsx";

export interface PageLink {
  to: string;
  title: string;
  icon: IconName;
  /** The second key after `g`. */
  key?: string;
  /** Only for operators of the platform. */
  platform?: boolean;
}

export const PLATFORM_PAGES: PageLink[] = [
  { to: "/", title: "Overview", icon: "overview", key: "o" },
  { to: "/services", title: "Health", icon: "health", key: "h" },
  { to: "/tenants", title: "Tenants", icon: "tenants", key: "a", platform: true },
  { to: "/audit", title: "Audit", icon: "audit", key: "l" },
];

/** Below /t/TENANT. */
export const TENANT_PAGES: PageLink[] = [
  { to: "notifications", title: "Notifications", icon: "notification", key: "n" },
  { to: "clients", title: "Clients", icon: "client", key: "c" },
  { to: "try", title: "Try it", icon: "try", key: "t" },
  { to: "dead-letters", title: "Dead letters", icon: "dead", key: "d" },
  { to: "refusals", title: "Refused requests", icon: "refused", key: "r" },
  { to: "queues", title: "Queues", icon: "queue", key: "q" },
  { to: "groups", title: "Groups", icon: "group" },
  { to: "exchanges", title: "Exchanges", icon: "exchange" },
  { to: "schedules", title: "Schedules", icon: "schedule" },
  { to: "settings", title: "Access and limits", icon: "settings", key: "s" },
];

export const pathOf = (tenant: string, page: string): string => `/t/${encodeURIComponent(tenant)}/${page}`;
