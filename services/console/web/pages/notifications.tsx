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
import { EVENT_KINDS, LISTED_KINDS } from "./timeline/tones.ts";

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
      lead="The newest followed notifications. Exceptions such as expired ones are always here. Press / and paste an id to open any notification."
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
              action={
                <Link to={pathOf(tenant, "settings")} search={{ tab: "timeline" }}>
                  Choose which notifications are followed
                </Link>
              }
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
        // The timeline has an index for each of these, and for no other combination.
        if (client !== "") void navigate({ to: ".", search: { client, kind } });
        else if (publisher !== "") void navigate({ to: ".", search: { publisher } });
        else void navigate({ to: ".", search: { kind: LISTED_KINDS.includes(kind) ? kind : "" } });
      }}
    >
      <TextField label="Client" value={client} onText={setClient} />
      <TextField
        label="Publisher"
        placeholder={client === "" ? "" : "not with a client"}
        disabled={client !== ""}
        value={client === "" ? publisher : ""}
        onText={setPublisher}
      />
      <Field label="Event">
        {(named) => (
          <select
            {...named}
            disabled={client === "" && publisher !== ""}
            value={kind}
            onChange={({ target }) => setKind(target.value)}
          >
            <option value="">{client === "" ? "accepted" : "the newest of each"}</option>
            {(client === "" ? LISTED_KINDS.slice(1) : EVENT_KINDS).map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        )}
      </Field>
      <Button type="submit">Filter</Button>
    </form>
  );
}
