import { Link } from "@tanstack/react-router";
import { lazy, Suspense, type ReactNode } from "react";
import type { FigureName, Figures, PlatformHealth } from "#api/figures.ts";
import { useRead } from "#api/queries.ts";
import { useSession } from "#api/session.ts";
import { useTenant } from "#shell/tenant.ts";
import { pathOf } from "#shell/pages.ts";
import { Empty } from "#ui/empty.tsx";
import { Loaded, Skeleton } from "#ui/loaded.tsx";
import { count } from "#ui/numbers.ts";
import { Page, Panel } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { duration } from "#ui/time.tsx";
import type { Series } from "#ui/plot.tsx";

const Plot = lazy(() => import("#ui/plot.tsx"));

/** Is the platform healthy, and what does it do now? */
export function Overview() {
  const figures = useRead<Figures>("/v1/figures", { every: 5_000 });
  const health = useRead<PlatformHealth>("/v1/health/services", { every: 5_000 });
  return (
    <Page title="Overview" lead="The whole platform, over the last hour. The figures are new every 5 seconds.">
      <Loaded of={health} rows={1}>
        {(found) => <Verdict of={found} />}
      </Loaded>
      <Loaded of={figures} rows={8}>
        {(found) => <Shown of={found} />}
      </Loaded>
    </Page>
  );
}

function Verdict({ of: { services, unknown = [] } }: { of: PlatformHealth }) {
  const sick = services.filter(({ ready, away }) => !ready || away.length > 0);
  const fine = sick.length === 0 && unknown.length === 0;
  return (
    <section className="sentence">
      <Status tone={fine ? "good" : sick.some(({ ready }) => !ready) ? "bad" : "warn"}>
        {fine ? "healthy" : "not healthy"}
      </Status>
      <p>
        {fine
          ? `All ${services.length} services are ready, and reach their stores.`
          : [
              ...sick.map(({ service, ready, away }) =>
                away.length > 0
                  ? `The ${service} cannot reach ${away.join(", ")}.`
                  : `The ${service} is ${ready ? "" : "not "}ready.`,
              ),
              ...unknown.map((name) => `Nothing is known of ${name}: its metrics do not answer.`),
            ].join(" ")}{" "}
        <Link to="/services">See each service</Link>
      </p>
    </section>
  );
}

const seconds = (value: number): string => duration(value * 1_000);

const whole = (value: number): string => count(Math.round(value));

const last = (of: Figures, name: FigureName): number | undefined =>
  of.series[name]?.findLast((value) => value !== null) ?? undefined;

function Shown({ of }: { of: Figures }) {
  const tenant = useTenant();
  const { platform } = useSession();
  const inTenant = (page: string): string | undefined => (tenant === undefined ? undefined : pathOf(tenant, page));
  const rate = (value: number): string => `${count(Math.round(value * 10) / 10)}/s`;
  if (of.times.length === 0)
    return (
      <Empty title="No figure has arrived yet">
        The console reads the metrics of the services every 5 seconds while this page is open. Wait a moment.
      </Empty>
    );
  return (
    <>
      <dl className="figures">
        <Figure name="Accepted" value={last(of, "accepted")} format={rate} to={inTenant("notifications")} />
        <Figure name="Delivered" value={last(of, "delivered")} format={rate} to={inTenant("notifications")} />
        <Figure name="Acknowledged" value={last(of, "acknowledged")} format={rate} to={inTenant("notifications")} />
        <Figure name="Latency, median" value={last(of, "p50")} format={seconds} />
        <Figure name="Latency, 99 %" value={last(of, "p99")} format={seconds} />
        <Figure name="Stored" value={last(of, "stored")} format={rate} to={platform ? "/tenants" : undefined} />
        <Figure name="Lag" value={last(of, "lag")} format={whole} to="/services" />
        <Figure name="Failures" value={last(of, "failures")} format={rate} to={inTenant("dead-letters")} />
      </dl>
      <div className="panels plots">
        <Panel title="Notifications a second">
          <Lines
            of={of}
            label="Notifications a second"
            format={(value) => count(value)}
            lines={[
              ["accepted", "accepted", "--wait"],
              ["delivered", "delivered", "--accent", [6, 4]],
              ["acknowledged", "acknowledged", "--good", [2, 3]],
            ]}
          />
        </Panel>
        <Panel title="From publish to acknowledgement">
          <Lines
            of={of}
            label="From publish to acknowledgement"
            format={seconds}
            lines={[
              ["p50", "median", "--wait"],
              ["p99", "99 %", "--accent", [6, 4]],
            ]}
          />
        </Panel>
        <Panel title="Lag">
          <Lines
            of={of}
            label="Lag"
            format={(value) => count(value)}
            lines={[["lag", "records behind", "--accent", [6, 4]]]}
          />
        </Panel>
        <Panel title="Connections by transport">
          <Connections of={of.connections} />
        </Panel>
      </div>
    </>
  );
}

function Figure({
  name,
  value,
  format,
  to,
}: {
  name: string;
  value: number | undefined;
  format: (value: number) => string;
  to?: string | undefined;
}) {
  const shown: ReactNode = value === undefined ? <small>not known</small> : format(value);
  return (
    <div className="figure">
      <dt>{to === undefined ? name : <Link to={to}>{name}</Link>}</dt>
      <dd>{shown}</dd>
    </div>
  );
}

function Lines({
  of,
  label,
  lines,
  format,
}: {
  of: Figures;
  label: string;
  lines: [FigureName, string, string, number[]?][];
  format: (value: number) => string;
}) {
  const series = lines.map(([from, name, colour, dash]): Series => {
    const values = of.series[from] ?? of.times.map(() => null);
    return { name, colour, values, ...(dash && { dash }) };
  });
  return (
    <Suspense fallback={<Skeleton rows={6} />}>
      <Plot label={label} times={of.times} series={series} format={format} />
    </Suspense>
  );
}

const NAMES: Record<string, string> = { websocket: "WebSocket", sse: "SSE", poll: "Long poll" };

/** Bars with their numbers: also for those who cannot see the bars. */
function Connections({ of }: { of: Record<string, number> }) {
  const most = Math.max(1, ...Object.values(of));
  if (Object.keys(of).length === 0) return <p className="muted">Not known.</p>;
  return (
    <dl className="bars">
      {Object.entries(of).map(([transport, number]) => (
        <div key={transport}>
          <dt>{NAMES[transport] ?? transport}</dt>
          <dd>
            <meter min={0} max={most} value={number} aria-label={NAMES[transport] ?? transport} />
            <span className="number">{count(number)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
