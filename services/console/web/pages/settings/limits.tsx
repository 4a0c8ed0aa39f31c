import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import { written, type Tenant, type Usage } from "#api/documents.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay, useSession } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { bytes, count } from "#ui/numbers.ts";
import { Panel } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";

const LIMITS = {
  publishRate: "Notifications a second",
  publishBurst: "Notifications in a burst",
  publisherRate: "Of one publisher, a second",
  publisherBurst: "Of one publisher, in a burst",
  publishByteRate: "Bytes a second",
  publishByteBurst: "Bytes in a burst",
  requests: "Requests in progress, one receiver",
  requestRate: "Client requests a second, one distributor",
  requestBurst: "Client requests in a burst",
  queuedBytes: "Bytes of requests, one receiver",
  connections: "Connections, one distributor",
  clientConnections: "Connections of one client",
  stored: "Stored for one client",
  storedBytes: "Stored bytes",
  storedClients: "Clients with stored notifications",
  waitingPublications: "Publications that wait for a time",
  outboxBytes: "Bytes for slow clients, one distributor",
  weight: "Weight against other tenants",
};

export function Limits({ of }: { of: Tenant }) {
  const { platform } = useSession();
  const may = useMay("operate") && platform;
  const [values, setValues] = useState<Record<string, string>>(() =>
    Object.fromEntries(Object.entries(of.limits).map(([name, value]) => [name, String(value)])),
  );
  const write = useWrite("/v1/tenants");
  const save = (): void => {
    const given = Object.entries(values).filter(([, value]) => value.trim() !== "");
    const limits = Object.fromEntries(given.map(([name, value]) => [name, Number(value)]));
    write.mutate({ method: "PUT", path: tenantPath(of.tenant), body: { ...written(of), limits } });
  };
  return (
    <>
      {platform && <UsageOf tenant={of.tenant} />}
      <Panel title="Limits of this tenant">
        <p className="muted">An empty field means the platform's setting. At a limit, requests are answered 429.</p>
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <div className="pair">
            {Object.entries(LIMITS).map(([name, label]) => (
              <TextField
                key={name}
                label={label}
                hint={<code>{name}</code>}
                type="number"
                min={0}
                placeholder="platform's setting"
                value={values[name] ?? ""}
                onText={(text) => setValues({ ...values, [name]: text })}
              />
            ))}
          </div>
          {write.error && <ProblemView error={write.error} />}
          <div className="row">
            <Button type="submit" tone="primary" busy={write.isPending} disabled={!may}>
              Save limits
            </Button>
            <span role="status" className="muted">
              {write.isSuccess && "Saved. It takes effect within a few seconds."}
              {!may && "Only operators of the platform may change limits."}
            </span>
          </div>
        </form>
      </Panel>
    </>
  );
}

function UsageOf({ tenant }: { tenant: string }) {
  const usage = useRead<{ items: Usage[] }>("/v1/loudest-tenants", { query: { limit: 100 }, every: 5_000 });
  return (
    <Loaded of={usage} rows={2}>
      {({ items }) => {
        const found = items.find((one) => one.tenant === tenant);
        if (!found)
          return (
            <p className="muted">This tenant is not among the 100 that store most: it stores little or nothing.</p>
          );
        const { stored, published } = found;
        return (
          <dl className="figures">
            <Figure name="Published" value={`${count(published.notifications)}/s`} />
            <Figure name="Published bytes" value={`${bytes(published.bytes)}/s`} />
            <Figure name="Stored" value={count(stored.notifications)} />
            <Figure name="Stored bytes" value={bytes(stored.bytes)} />
            <Figure name="Clients with stored" value={count(stored.clients)} />
          </dl>
        );
      }}
    </Loaded>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div className="figure">
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
