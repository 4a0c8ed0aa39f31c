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
import { Hint } from "./notification/hint.tsx";
import { Payload } from "./notification/payload.tsx";
import { Stores } from "./notification/stores.tsx";
import { Picture } from "./timeline/picture.tsx";
import { toneOf } from "./timeline/tones.ts";

const route = getRouteApi("/t/$tenant/notifications/$id");

/** Where did it go? */
export function Notification() {
  const { tenant, id } = route.useParams();
  const { client: hint } = route.useSearch();
  const read = useRead<NotificationView>(tenantPath(tenant, "notifications", id), {
    query: { client: hint },
    every: 3_000,
  });
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
      <Loaded of={read}>{(view) => <View tenant={tenant} hint={hint} of={view} />}</Loaded>
    </Page>
  );
}

function View({ tenant, hint, of }: { tenant: string; hint: string | undefined; of: NotificationView }) {
  const { state, events, gaps, unknown } = of;
  return (
    <>
      <section className="sentence" aria-label="Present state" data-testid="state">
        <Status tone={toneOf(state.name)}>{state.name}</Status>
        <p>{state.sentence}</p>
      </section>
      {unknown.length > 0 && (
        <section className="problem" data-tone="warn">
          <h2>Not known</h2>
          <ul>
            {unknown.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </section>
      )}
      {events.length === 0 ? (
        <Empty title="The timeline has no event of it" action={<Hint tenant={tenant} id={of.id} hint={hint} />}>
          It was not followed, its events are older than the platform keeps, or the id is wrong. Name its client, and
          the stores are searched too.
        </Empty>
      ) : (
        <Panel title={`Timeline: ${many(events.length, "event")}`}>
          <Picture events={events} gaps={gaps} />
        </Panel>
      )}
      {events.length > 0 && <Events of={of} />}
      <Stores of={of} />
      <Payload tenant={tenant} id={of.id} client={of.client ?? hint} />
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
          {
            title: "Time",
            cell: ({ number, at }) => (
              <span className="numbered">
                <span className="step">{number}</span>
                <Time at={at} exact />
              </span>
            ),
          },
          { title: "Service", cell: ({ service }) => service },
          {
            title: "Event",
            cell: ({ kind }) => <Status tone={toneOf(kind)}>{kind}</Status>,
          },
          { title: "What happened", cell: ({ sentence }) => sentence },
        ]}
      />
      {gaps.map(({ service, instance, from, to, count }) => (
        <p key={`${service} ${instance} ${from}`} className="muted">
          Between <Time at={from} exact /> and <Time at={to} exact />, {service} {instance} could not record{" "}
          {many(count, "event")}. Any of them may be of this notification.
        </p>
      ))}
      <p className="muted small">
        Times are the clocks of the services, and only for display. The order follows causes where clocks agree.
      </p>
    </>
  );
}
