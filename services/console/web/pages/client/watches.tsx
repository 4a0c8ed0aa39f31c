import { Link } from "@tanstack/react-router";
import { tenantPath } from "#api/client.ts";
import type { Watch } from "#api/clients.ts";
import { useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

const CLIENT = "client:";

/** Clients and publishers of which everything is followed for a while. */
export function Watches({ tenant, items }: { tenant: string; items: Watch[] }) {
  const path = tenantPath(tenant, "watches");
  const write = useWrite(path);
  const may = useMay("operate");
  if (items.length === 0)
    return <p className="muted">Nothing is watched. Open a client and press Watch to follow everything of it.</p>;
  return (
    <Table
      caption="Watches"
      keyOf={({ id }) => id}
      rows={items}
      columns={[
        {
          title: "Watched",
          cell: ({ id }) =>
            id.startsWith(CLIENT) ? (
              <Link to={pathOf(tenant, `clients/${encodeURIComponent(id.slice(CLIENT.length))}`)}>{id}</Link>
            ) : (
              id
            ),
        },
        { title: "Until", cell: ({ until }) => <Time at={until} /> },
        {
          title: "Actions",
          end: true,
          cell: ({ id }) => (
            <span className="actions">
              <Button
                disabled={!may}
                onClick={() => write.mutate({ method: "DELETE", path: `${path}/${encodeURIComponent(id)}` })}
              >
                Stop
              </Button>
            </span>
          ),
        },
      ]}
    />
  );
}

/** Watches one client, or stops. */
export function Watch({ tenant, client, watches }: { tenant: string; client: string; watches: Watch[] | undefined }) {
  const path = tenantPath(tenant, "watches");
  const id = `${CLIENT}${client}`;
  const write = useWrite(path);
  const may = useMay("operate");
  const found = watches?.find((one) => one.id === id);
  const one = `${path}/${encodeURIComponent(id)}`;
  return found ? (
    <span className="row">
      <span className="muted small">
        watched, ends <Time at={found.until} />
      </span>
      <Button disabled={!may} busy={write.isPending} onClick={() => write.mutate({ method: "DELETE", path: one })}>
        Stop watching
      </Button>
    </span>
  ) : (
    <Button
      disabled={!may}
      busy={write.isPending}
      title="Follow everything of this client for one hour"
      onClick={() => write.mutate({ method: "PUT", path: one, body: { seconds: 3_600 } })}
    >
      Watch for an hour
    </Button>
  );
}
