import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  type ErrorComponentProps,
} from "@tanstack/react-router";
import { Shell } from "#shell/shell.tsx";
import { Skeleton } from "#ui/loaded.tsx";
import { Page } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";

/** Filters are texts in the address. The router's own form would make numbers of ids such as 1e5. */
const textsOf = (search: string): Record<string, string> => Object.fromEntries(new URLSearchParams(search));
const searchOf = (values: Record<string, unknown>): string => {
  const given = Object.entries(values).filter(([, value]) => typeof value === "string" && value !== "");
  const text = new URLSearchParams(given as [string, string][]).toString();
  return text === "" ? "" : `?${text}`;
};

/** The filters of a page that its address may have. */
const filters =
  <Name extends string>(...names: Name[]) =>
  (search: Record<string, unknown>): Partial<Record<Name, string>> =>
    Object.fromEntries(names.flatMap((name) => (typeof search[name] === "string" ? [[name, search[name]]] : []))) as Partial<
      Record<Name, string>
    >;

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <Page title="There is no such page">
      <p>
        The address may have a typing error. <Link to="/">Open the overview</Link>, or press <kbd>/</kbd> to search.
      </p>
    </Page>
  ),
});

const of = () => root;

const tree = root.addChildren([
  createRoute({
    getParentRoute: of,
    path: "/",
    component: lazyRouteComponent(() => import("#pages/overview.tsx"), "Overview"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/services",
    component: lazyRouteComponent(() => import("#pages/services.tsx"), "Services"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/tenants",
    validateSearch: filters("after", "by"),
    component: lazyRouteComponent(() => import("#pages/tenants.tsx"), "Tenants"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/audit",
    validateSearch: filters("tenant", "subject", "outcome", "before"),
    component: lazyRouteComponent(() => import("#pages/audit.tsx"), "Audit"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/notifications",
    validateSearch: filters("client", "publisher", "kind", "before"),
    component: lazyRouteComponent(() => import("#pages/notifications.tsx"), "Notifications"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/notifications/$id",
    component: lazyRouteComponent(() => import("#pages/notification.tsx"), "Notification"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/clients",
    component: lazyRouteComponent(() => import("#pages/clients.tsx"), "Clients"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/clients/$client",
    component: lazyRouteComponent(() => import("#pages/client.tsx"), "Client"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/try",
    validateSearch: filters("client"),
    component: lazyRouteComponent(() => import("#pages/try.tsx"), "Try"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/dead-letters",
    validateSearch: filters("tab", "after", "id"),
    component: lazyRouteComponent(() => import("#pages/dead-letters.tsx"), "DeadLetters"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/queues",
    validateSearch: filters("id"),
    component: lazyRouteComponent(() => import("#pages/queues.tsx"), "Queues"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/groups",
    validateSearch: filters("group", "after"),
    component: lazyRouteComponent(() => import("#pages/groups.tsx"), "Groups"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/exchanges",
    validateSearch: filters("id"),
    component: lazyRouteComponent(() => import("#pages/exchanges.tsx"), "Exchanges"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/schedules",
    validateSearch: filters("id"),
    component: lazyRouteComponent(() => import("#pages/schedules.tsx"), "Schedules"),
  }),
  createRoute({
    getParentRoute: of,
    path: "/t/$tenant/settings",
    validateSearch: filters("tab"),
    component: lazyRouteComponent(() => import("#pages/settings.tsx"), "Settings"),
  }),
]);

export const router = createRouter({
  routeTree: tree,
  parseSearch: textsOf,
  stringifySearch: searchOf,
  defaultPreload: "intent",
  defaultPendingComponent: () => <Skeleton rows={8} />,
  defaultErrorComponent: ({ error, reset }: ErrorComponentProps) => (
    <Page title="This page cannot be shown">
      <ProblemView error={error} retry={reset} />
    </Page>
  ),
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
