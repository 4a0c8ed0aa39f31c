import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Recent } from "#api/notifications.ts";
import { useRead } from "#api/queries.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Empty } from "#ui/empty.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Page } from "#ui/page.tsx";
import { EventTable } from "./timeline/event-table.tsx";
import { EVENT_KINDS } from "./timeline/describe.ts";

const route = getRouteApi("/t/$tenant/notifications");

export function Notifications() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const read = useRead<Recent>(tenantPath(tenant, "notifications"), {
    query: { ...search, limit: 50 },
    every: search.before === undefined ? 5_000 : 60_000,
  });
  return (
    <Page
      title="Notifications"
      lead="The newest events of followed notifications. Press / and paste an id to open any notification."
      actions={
        <Link className="button" data-tone="primary" to={pathOf(tenant, "try")}>
          Send a test
        </Link>
      }
    >
      <Filters key={JSON.stringify(search)} />
      <Loaded of={read}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty
              title="No event matches"
              action={<Link to={pathOf(tenant, "settings")}>Choose which notifications are followed</Link>}
            >
              Either nothing was published, or this tenant follows only exceptions. Watch a client to follow all of its
              notifications for a while.
            </Empty>
          ) : (
            <>
              <EventTable tenant={tenant} items={items} />
              <nav className="row" aria-label="Pages of the list">
                {search.before !== undefined && (
                  <Link to="." search={{ ...search, before: undefined }}>
                    Newest
                  </Link>
                )}
                {next !== undefined && (
                  <Link to="." search={{ ...search, before: next }}>
                    Older
                  </Link>
                )}
              </nav>
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function Filters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [client, setClient] = useState(search.client ?? "");
  const [publisher, setPublisher] = useState(search.publisher ?? "");
  const [kind, setKind] = useState(search.kind ?? "");
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ to: ".", search: { client, publisher, kind } });
      }}
    >
      <TextField label="Client" value={client} onText={setClient} />
      <TextField label="Publisher" value={publisher} onText={setPublisher} />
      <Field label="Event">
        {(named) => (
          <select {...named} value={kind} onChange={({ target }) => setKind(target.value)}>
            <option value="">all</option>
            {EVENT_KINDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </Field>
      <Button type="submit">Filter</Button>
    </form>
  );
}
