import { Link } from "@tanstack/react-router";
import type { RecentEvent } from "#api/notifications.ts";
import { pathOf } from "#shell/pages.ts";
import { Status } from "#ui/status.tsx";
import { Table, type Column } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";
import { toneOf } from "./tones.ts";

/** Events of several notifications. `ofClient`: all of one client, so that its column is left out. */
export function EventTable({
  tenant,
  items,
  ofClient = false,
}: {
  tenant: string;
  items: RecentEvent[];
  ofClient?: boolean;
}) {
  const client: Column<RecentEvent> = {
    title: "Client",
    cell: ({ client: name }) =>
      name === undefined ? "several" : <Link to={pathOf(tenant, `clients/${encodeURIComponent(name)}`)}>{name}</Link>,
  };
  return (
    <Table
      caption="Events"
      keyOf={({ id, at, kind, service }) => `${id} ${at} ${kind} ${service}`}
      rows={items}
      columns={[
        {
          title: "Notification",
          cell: ({ id }) => (
            <Link to={pathOf(tenant, `notifications/${id}`)}>
              <code>{id}</code>
            </Link>
          ),
        },
        { title: "Event", cell: ({ kind }) => <Status tone={toneOf(kind)}>{kind}</Status> },
        ...(ofClient ? [] : [client]),
        { title: "What happened", cell: ({ sentence }) => sentence },
        { title: "Time", cell: ({ at }) => <Time at={at} /> },
      ]}
    />
  );
}
