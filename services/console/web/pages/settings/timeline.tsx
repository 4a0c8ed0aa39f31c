import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Watch } from "#api/clients.ts";
import { written, type Listed, type Tenant } from "#api/documents.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay, useSession } from "#api/session.ts";
import { Watches } from "#pages/client/watches.tsx";
import { Button } from "#ui/button.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Panel } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";

type Follow = "" | "all" | "exceptions" | "some";

/** Which notifications of a tenant have a timeline. */
export function Timeline({ of }: { of: Tenant }) {
  const { platform } = useSession();
  const may = useMay("operate") && platform;
  const now = of.timeline?.follow;
  const [follow, setFollow] = useState<Follow>(typeof now === "number" ? "some" : (now ?? ""));
  const [rate, setRate] = useState(typeof now === "number" ? String(now) : "100");
  const write = useWrite("/v1/tenants");
  const watches = useRead<Listed<Watch>>(tenantPath(of.tenant, "watches"));
  const save = (): void => {
    const { timeline: _, ...rest } = written(of);
    const timeline = follow === "" ? {} : { timeline: { follow: follow === "some" ? Number(rate) : follow } };
    write.mutate({ method: "PUT", path: tenantPath(of.tenant), body: { ...rest, ...timeline } });
  };
  return (
    <>
      <Panel title="Followed notifications">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
        >
          <div className="filters">
            <Field label="Follow">
              {(named) => (
                <select {...named} value={follow} onChange={({ target }) => setFollow(target.value as Follow)}>
                  <option value="">as the platform</option>
                  <option value="all">all</option>
                  <option value="some">a sample</option>
                  <option value="exceptions">only exceptions</option>
                </select>
              )}
            </Field>
            {follow === "some" && (
              <TextField label="One in" type="number" min={2} max={1_000_000} value={rate} onText={setRate} required />
            )}
          </div>
          <p className="muted">
            Exceptions are always recorded: expired, retracted, undeliverable, dead-lettered and quarantined
            notifications. Following more costs writes to Kafka and Postgres.
          </p>
          {write.error && <ProblemView error={write.error} />}
          <div className="row">
            <Button type="submit" tone="primary" busy={write.isPending} disabled={!may}>
              Save
            </Button>
            <span role="status" className="muted">
              {write.isSuccess && "Saved. It takes effect within a few seconds."}
              {!may && "Only operators of the platform may change it."}
            </span>
          </div>
        </form>
      </Panel>
      <Panel title="Watched now">
        <Loaded of={watches} rows={2}>
          {({ items }) => <Watches tenant={of.tenant} items={items} />}
        </Loaded>
      </Panel>
    </>
  );
}
