import { getRouteApi, Link } from "@tanstack/react-router";
import { tenantPath } from "#api/client.ts";
import type { NotificationView } from "#api/notifications.ts";
import { useRead } from "#api/queries.ts";
import { pathOf } from "#shell/pages.ts";
import { Copy } from "#ui/copy.tsx";
import { Empty } from "#ui/empty.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { many } from "#ui/numbers.ts";
import { Page, Panel } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";
import { Payload } from "./notification/payload.tsx";
import { describe } from "./timeline/describe.ts";
import { Picture } from "./timeline/picture.tsx";
import { toneOfState } from "./timeline/states.ts";

const route = getRouteApi("/t/$tenant/notifications/$id");

/** Where did it go? */
export function Notification() {
  const { tenant, id } = route.useParams();
  const read = useRead<NotificationView>(tenantPath(tenant, "notifications", id), { every: 3_000 });
  const client = read.data?.client;
  return (
    <Page
      title={<code>{id}</code>}
      name="Notification"
      crumbs={
        <>
          <Link to={pathOf(tenant, "notifications")}>Notifications</Link>
          {client !== undefined && (
            <>
              <span aria-hidden="true">/</span>
              <Link to={pathOf(tenant, `clients/${encodeURIComponent(client)}`)}>{client}</Link>
            </>
          )}
        </>
      }
      actions={<Copy text={id} label="Copy the id" />}
    >
      <Loaded of={read}>{(view) => <View of={view} />}</Loaded>
    </Page>
  );
}

function View({ of }: { of: NotificationView }) {
  const { state, events, gaps, unknown } = of;
  return (
    <>
      <section className="sentence" aria-label="Present state" data-testid="state">
        <Status tone={toneOfState(state.state)}>{state.state}</Status>
        <p>
          {state.sentence}
          {state.reasons?.map((reason) => (
            <span key={reason} className="muted">
              {" "}
              {reason}
            </span>
          ))}
        </p>
      </section>
      {unknown.length > 0 && (
        <section className="problem" data-tone="warn">
          <h3>Not known</h3>
          <ul>
            {unknown.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </section>
      )}
      {events.length === 0 ? (
        <Empty title="There is no timeline">
          This notification was not followed, or its timeline is older than the platform keeps. To follow what comes
          next, open its client and watch it.
        </Empty>
      ) : (
        <Panel title={`Timeline: ${many(events.length, "event")}`}>
          <Picture events={events} gaps={gaps} />
        </Panel>
      )}
      {events.length > 0 && <Events of={of} />}
      <Payload tenant={of.tenant} id={of.id} />
    </>
  );
}

function Events({ of: { events, gaps } }: { of: NotificationView }) {
  const numbered = events.map((event, index) => ({ ...event, number: index + 1 }));
  return (
    <>
      <Table
        caption="Events"
        keyOf={({ number }) => String(number)}
        rows={numbered}
        columns={[
          { title: "#", cell: ({ number }) => number },
          { title: "Time", cell: ({ at }) => <Time at={at} exact /> },
          { title: "Service", cell: ({ service }) => service },
          {
            title: "Event",
            cell: ({ kind, detail }) => <Status tone={describe(kind, detail).tone}>{kind}</Status>,
          },
          { title: "What happened", cell: ({ kind, detail }) => describe(kind, detail).text },
        ]}
      />
      {gaps.length > 0 && (
        <p className="muted">
          {gaps.map(
            ({ service, instance, from, to, count }) =>
              `Between ${from} and ${to}, ${service} ${instance ?? ""} could not record ${many(count, "event")}. Any of them may be of this notification. `,
          )}
        </p>
      )}
      <p className="muted small">
        Times are the clocks of the services, and only for display. The order follows causes where clocks agree.
      </p>
    </>
  );
}
