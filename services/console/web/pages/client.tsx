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
import { Inbox } from "./client/inbox.tsx";
import { Watch } from "./client/watches.tsx";
import { toneOf } from "./timeline/tones.ts";

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
          <Disconnect path={path} view={read.data} />
          <Delete path={path} view={read.data} client={client} />
        </>
      }
    >
      <Loaded of={read} rows={8}>
        {(view) => <View tenant={tenant} of={view} />}
      </Loaded>
    </Page>
  );
}

function View({ tenant, of }: { tenant: string; of: ClientView }) {
  const { client, connections, stored, lastAcknowledged, groups, inbox, recent } = of;
  return (
    <>
      <dl className="figures">
        <div className="figure">
          <dt>Presence</dt>
          <dd>
            <Presence of={connections} />
          </dd>
        </div>
        <div className="figure">
          <dt>Stored for it</dt>
          <dd>
            {count(stored.count)}
            {stored.more && "+"}{" "}
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
            {count(inbox.count)}{" "}
            {inbox.newest !== undefined && (
              <small>
                newest <Time at={inbox.newest} />
              </small>
            )}
          </dd>
        </div>
      </dl>
      <Explain tenant={tenant} client={client} />
      <section className="stack">
        <h2>Connections</h2>
        <Connections of={connections} />
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
      <Inbox tenant={tenant} path={tenantPath(tenant, "clients", client)} client={client} />
      <section className="stack">
        <h2>Recent notifications</h2>
        {recent.length === 0 ? (
          <Empty title="Nothing is known of recent notifications">
            Watch this client to follow everything of it, or open a notification by its id.
          </Empty>
        ) : (
          <Table
            caption="Recent notifications"
            keyOf={({ id }) => id}
            rows={recent}
            columns={[
              {
                title: "Notification",
                cell: ({ id }) => (
                  <Link to={pathOf(tenant, `notifications/${id}`)} search={{ client }}>
                    <code>{id}</code>
                  </Link>
                ),
              },
              { title: "State", cell: ({ state }) => <Status tone={toneOf(state.name)}>{state.name}</Status> },
              { title: "What is known", cell: ({ state }) => state.sentence },
              { title: "Time", cell: ({ at }) => <Time at={at} /> },
            ]}
          />
        )}
      </section>
    </>
  );
}

function Presence({ of }: { of: ClientView["connections"] }) {
  if (of === null) return <Status tone="warn">not known</Status>;
  return (
    <>
      <Status tone={of.length > 0 ? "good" : "plain"}>{of.length > 0 ? "connected" : "away"}</Status>{" "}
      <small>{many(of.length, "connection")}</small>
    </>
  );
}

function Connections({ of }: { of: ClientView["connections"] }) {
  if (of === null)
    return (
      <Empty title="It is not known whether it is connected">
        Redis does not answer. Deliveries go on: they are stored until the client is found again.
      </Empty>
    );
  if (of.length === 0)
    return (
      <Empty title="It is not connected">
        Notifications for it are stored, oldest first, and delivered when it comes back.
      </Empty>
    );
  return (
    <Table
      caption="Connections"
      keyOf={({ connection }) => connection}
      rows={of}
      columns={[
        { title: "Connection", cell: ({ connection }) => <code>{connection}</code> },
        { title: "Transport", cell: ({ transport = "not known" }) => transport },
        { title: "Since", cell: ({ since }) => (since === undefined ? "not known" : <Time at={since} />) },
        { title: "From", cell: ({ address = "not known" }) => address },
        { title: "Distributor", cell: ({ slot }) => `slot ${slot}` },
      ]}
    />
  );
}
