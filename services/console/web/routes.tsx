import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  type ErrorComponentProps,
  type RouteComponent,
} from "@tanstack/react-router";
import type { ReactNode } from "react";
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

type Filters<Name extends string> = { [K in Name]?: string | undefined };

/** The filters of a page that its address may have. */
const filters =
  <Name extends string>(...names: Name[]) =>
  (search: Record<string, unknown>): Filters<Name> =>
    Object.fromEntries(
      names.flatMap((name) => (typeof search[name] === "string" ? [[name, search[name]]] : [])),
    ) as Filters<Name>;

/** Each page is a chunk of its own. Its type is left out: pages use the types of the routes, and would be in a circle. */
const page = (load: () => Promise<object>, name: string): RouteComponent =>
  lazyRouteComponent(load as () => Promise<Record<string, RouteComponent>>, name);

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
});

const of = () => root;

// Each is a constant: inside of addChildren the types of its parameters would be lost.
const overview = createRoute({
  getParentRoute: of,
  path: "/",
  component: page(() => import("#pages/overview.tsx"), "Overview"),
});
const services = createRoute({
  getParentRoute: of,
  path: "/services",
  component: page(() => import("#pages/services.tsx"), "Services"),
});
const tenants = createRoute({
  getParentRoute: of,
  path: "/tenants",
  validateSearch: filters("after", "by"),
  component: page(() => import("#pages/tenants.tsx"), "Tenants"),
});
const audit = createRoute({
  getParentRoute: of,
  path: "/audit",
  validateSearch: filters("tenant", "subject", "outcome", "before"),
  component: page(() => import("#pages/audit.tsx"), "Audit"),
});
const notifications = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/notifications",
  validateSearch: filters("client", "publisher", "kind", "before"),
  component: page(() => import("#pages/notifications.tsx"), "Notifications"),
});
const notification = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/notifications/$id",
  validateSearch: filters("client"),
  component: page(() => import("#pages/notification.tsx"), "Notification"),
});
const clients = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/clients",
  component: page(() => import("#pages/clients.tsx"), "Clients"),
});
const client = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/clients/$client",
  component: page(() => import("#pages/client.tsx"), "Client"),
});
const tryIt = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/try",
  validateSearch: filters("client"),
  component: page(() => import("#pages/try.tsx"), "Try"),
});
const deadLetters = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/dead-letters",
  validateSearch: filters("tab", "after", "id"),
  component: page(() => import("#pages/dead-letters.tsx"), "DeadLetters"),
});
const queues = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/queues",
  validateSearch: filters("id"),
  component: page(() => import("#pages/queues.tsx"), "Queues"),
});
const groups = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/groups",
  validateSearch: filters("group", "after"),
  component: page(() => import("#pages/groups.tsx"), "Groups"),
});
const exchanges = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/exchanges",
  validateSearch: filters("id"),
  component: page(() => import("#pages/exchanges.tsx"), "Exchanges"),
});
const schedules = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/schedules",
  validateSearch: filters("id"),
  component: page(() => import("#pages/schedules.tsx"), "Schedules"),
});
const refusals = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/refusals",
  validateSearch: filters("instance", "before"),
  component: page(() => import("#pages/refusals.tsx"), "Refusals"),
});
const settings = createRoute({
  getParentRoute: of,
  path: "/t/$tenant/settings",
  validateSearch: filters("tab"),
  component: page(() => import("#pages/settings.tsx"), "Settings"),
});

const tree = root.addChildren([
  overview,
  services,
  tenants,
  audit,
  notifications,
  notification,
  clients,
  client,
  tryIt,
  deadLetters,
  queues,
  groups,
  exchanges,
  schedules,
  refusals,
  settings,
]);

export const router = createRouter({
  routeTree: tree,
  parseSearch: textsOf,
  stringifySearch: searchOf,
  defaultPreload: "intent",
  defaultPendingComponent: () => <Skeleton rows={8} />,
  defaultErrorComponent: Failed,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

function NotFound(): ReactNode {
  return (
    <Page title="There is no such page">
      <p>
        The address may have a typing error. <Link to="/">Open the overview</Link>, or press <kbd>/</kbd> to search.
      </p>
    </Page>
  );
}

function Failed({ error, reset }: ErrorComponentProps): ReactNode {
  return (
    <Page title="This page cannot be shown">
      <ProblemView error={error} retry={reset} />
    </Page>
  );
}
