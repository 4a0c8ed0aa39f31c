import { getRouteApi, Link } from "@tanstack/react-router";
import { tenantPath } from "#api/client.ts";
import type { ClientView, Watch as Watched } from "#api/clients.ts";
import type { Listed } from "#api/documents.ts";
import { useRead } from "#api/queries.ts";
import { pathOf } from "#shell/pages.ts";
import { Empty } from "#ui/empty.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { count, many } from "#ui/numbers.ts";
import { Page, Panel } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";
import { Delete, Disconnect } from "./client/actions.tsx";
import { Explain } from "./client/explain.tsx";
import { Watch } from "./client/watches.tsx";
import { EventTable } from "./timeline/event-table.tsx";

const route = getRouteApi("/t/$tenant/clients/$client");

/** One recipient: is it there, what waits for it, and why did it not get something? */
export function Client() {
  const { tenant, client } = route.useParams();
  const path = tenantPath(tenant, "clients", client);
  const read = useRead<ClientView>(path, { every: 3_000 });
  const watches = useRead<Listed<Watched>>(tenantPath(tenant, "watches"));
  return (
    <Page
      title={client}
      crumbs={<Link to={pathOf(tenant, "clients")}>Clients</Link>}
      actions={
        <>
          <Watch tenant={tenant} client={client} watches={watches.data?.items} />
          <Link className="button" to={pathOf(tenant, "try")} search={{ client }}>
            Send a test
          </Link>
          <Disconnect path={path} connections={read.data?.connections.length} />
          <Delete path={path} view={read.data} client={client} />
        </>
      }
    >
      <Loaded of={read} rows={8}>
        {(view) => <View of={view} />}
      </Loaded>
    </Page>
  );
}

function View({ of }: { of: ClientView }) {
  const { tenant, client, connections, stored, lastAcknowledged, groups, inbox, recent, unknown = [] } = of;
  const online = connections.length > 0;
  return (
    <>
      {unknown.length > 0 && (
        <section className="problem" data-tone="warn">
          <h3>Not known now</h3>
          <ul>
            {unknown.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </section>
      )}
      <dl className="figures">
        <div className="figure">
          <dt>Presence</dt>
          <dd>
            <Status tone={online ? "good" : "plain"}>{online ? "connected" : "away"}</Status>{" "}
            <small>{many(connections.length, "connection")}</small>
          </dd>
        </div>
        <div className="figure">
          <dt>Stored for it</dt>
          <dd>
            {count(stored.count)}{" "}
            {stored.oldest !== undefined && (
              <small>
                oldest <Time at={stored.oldest} />
              </small>
            )}
          </dd>
        </div>
        <div className="figure">
          <dt>Last acknowledgement</dt>
          <dd>{lastAcknowledged === undefined ? <small>not known</small> : <Time at={lastAcknowledged} />}</dd>
        </div>
        <div className="figure">
          <dt>Inbox</dt>
          <dd>
            {inbox === undefined ? (
              <small>none</small>
            ) : (
              <>
                {count(inbox.unread)} <small>unread of {count(inbox.items)}</small>
              </>
            )}
          </dd>
        </div>
      </dl>
      <Explain tenant={tenant} client={client} />
      <section className="stack">
        <h2>Connections</h2>
        {online ? (
          <Table
            caption="Connections"
            keyOf={({ connection }) => connection}
            rows={connections}
            columns={[
              { title: "Connection", cell: ({ connection }) => <code>{connection}</code> },
              { title: "Transport", cell: ({ transport }) => transport },
              { title: "Since", cell: ({ since }) => <Time at={since} /> },
              { title: "From", cell: ({ address }) => address ?? "not known" },
              { title: "Distributor", cell: ({ distributor }) => distributor },
            ]}
          />
        ) : (
          <Empty title="It is not connected">
            Notifications for it are stored, oldest first, and delivered when it comes back.
          </Empty>
        )}
      </section>
      <Panel title={`Groups: ${groups.length}`}>
        {groups.length === 0 ? (
          <p className="muted">It is in no group.</p>
        ) : (
          <ul className="row">
            {groups.map((group) => (
              <li key={group}>
                <Link to={pathOf(tenant, "groups")} search={{ group }}>
                  {group}
                </Link>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <section className="stack">
        <h2>Recent notifications</h2>
        {recent.length === 0 ? (
          <Empty title="Nothing is known of recent notifications">
            Watch this client to follow everything of it, or open a notification by its id.
          </Empty>
        ) : (
          <EventTable tenant={tenant} items={recent} ofClient />
        )}
      </section>
    </>
  );
}
