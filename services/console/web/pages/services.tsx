import type { PlatformHealth } from "#api/figures.ts";
import { useRead } from "#api/queries.ts";
import { Empty } from "#ui/empty.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { count, many } from "#ui/numbers.ts";
import { Page } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

/** Each process: is it ready, what can it not reach, and how far behind is it? */
export function Services() {
  const read = useRead<PlatformHealth>("/v1/health/services", { every: 5_000 });
  return (
    <Page
      title="Health"
      lead="Each process of the platform, with its version, its share of the work, and its last error."
    >
      <Loaded of={read} rows={8}>
        {({ services, unknown = [] }) => (
          <>
            {unknown.length > 0 && (
              <section className="problem" data-tone="warn">
                <h2>Not known</h2>
                <p>{unknown.join(", ")} does not answer. It may be down, or the console may not reach it.</p>
              </section>
            )}
            {services.length === 0 ? (
              <Empty title="No service is known">
                Set METRICS_URLS or PROMETHEUS_URL of the console, so that it finds the services.
              </Empty>
            ) : (
              <Table
                caption="Services"
                keyOf={({ service, instance }) => `${service} ${instance}`}
                rows={services}
                columns={[
                  {
                    title: "Service",
                    cell: ({ service, instance }) => (
                      <>
                        {service} <span className="muted small">{instance}</span>
                      </>
                    ),
                  },
                  {
                    title: "State",
                    cell: ({ ready, away }) =>
                      away.length > 0 ? (
                        <Status tone="bad">cannot reach {away.join(", ")}</Status>
                      ) : (
                        <Status tone={ready ? "good" : "bad"}>{ready ? "ready" : "not ready"}</Status>
                      ),
                  },
                  { title: "Version", cell: ({ version }) => <code>{version}</code> },
                  {
                    title: "Work",
                    cell: ({ partitions }) => (partitions === undefined ? "" : many(partitions, "partition")),
                  },
                  { title: "Lag", end: true, cell: ({ lag }) => (lag === undefined ? "" : count(lag)) },
                  {
                    title: "Last error",
                    cell: ({ lastError }) =>
                      lastError === undefined ? (
                        <span className="muted">none</span>
                      ) : (
                        <>
                          {lastError.message}{" "}
                          <span className="muted">
                            <Time at={lastError.at} />
                          </span>
                        </>
                      ),
                  },
                ]}
              />
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}
