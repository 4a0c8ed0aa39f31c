import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Watch } from "#api/clients.ts";
import type { Listed } from "#api/documents.ts";
import type { Recent } from "#api/notifications.ts";
import { useRead } from "#api/queries.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Empty } from "#ui/empty.tsx";
import { TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Page, Panel } from "#ui/page.tsx";
import { Watches } from "./client/watches.tsx";
import { EventTable } from "./timeline/event-table.tsx";

const route = getRouteApi("/t/$tenant/clients");

/** Opens a client by its name. The platform has no list of all clients: there may be millions. */
export function Clients() {
  const { tenant } = route.useParams();
  const navigate = route.useNavigate();
  const [name, setName] = useState("");
  const recent = useRead<Recent>(tenantPath(tenant, "notifications"), { query: { limit: 20 }, every: 5_000 });
  const watches = useRead<Listed<Watch>>(tenantPath(tenant, "watches"));
  return (
    <Page
      title="Clients"
      lead="A client is one recipient: a person, a device or a process, with any number of connections."
    >
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          if (name.trim() !== "") void navigate({ to: pathOf(tenant, `clients/${encodeURIComponent(name.trim())}`) });
        }}
      >
        <TextField label="Name of the client" placeholder="u1" value={name} onText={setName} autoFocus required />
        <Button type="submit" tone="primary">
          Open
        </Button>
      </form>
      <Panel title="Watched now">
        <Loaded of={watches} rows={2}>
          {({ items }) => <Watches tenant={tenant} items={items} />}
        </Loaded>
      </Panel>
      <section className="stack">
        <h2>Recently seen</h2>
        <Loaded of={recent}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No client was followed lately">
                Type the name of a client above. It needs no earlier notification.
              </Empty>
            ) : (
              <EventTable tenant={tenant} items={items} />
            )
          }
        </Loaded>
      </section>
    </Page>
  );
}
