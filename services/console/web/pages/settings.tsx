import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import { written, type Tenant } from "#api/documents.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay, useSession } from "#api/session.ts";
import { DeletedDialog, useDeletion } from "#pages/deletion.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Page } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Status } from "#ui/status.tsx";
import { Tabs } from "#ui/tabs.tsx";
import { Explain } from "./settings/explain.tsx";
import { Grants } from "./settings/grants.tsx";
import { Issuers } from "./settings/issuers.tsx";
import { Keys } from "./settings/keys.tsx";
import { Limits } from "./settings/limits.tsx";
import { Origins } from "./settings/origins.tsx";
import { Revocations } from "./settings/revocations.tsx";
import { Timeline } from "./settings/timeline.tsx";

const route = getRouteApi("/t/$tenant/settings");

/** Who may do what in a tenant, and how much. */
export function Settings() {
  const { tenant } = route.useParams();
  const { tab = "keys" } = route.useSearch();
  const navigate = route.useNavigate();
  const read = useRead<Tenant>(tenantPath(tenant));
  const state = read.data?.state;
  return (
    <Page
      title={
        <span className="row">
          {tenant} {state !== undefined && <Status tone={state === "active" ? "good" : "bad"}>{state}</Status>}
        </span>
      }
      name={tenant}
      lead="Access and limits of this tenant. A change takes effect everywhere within a few seconds."
      actions={read.data && <State of={read.data} />}
    >
      {read.error ? (
        <ProblemView error={read.error} />
      ) : (
        <Tabs
          label="Access and limits"
          value={tab}
          onValue={(id) => void navigate({ to: ".", search: { tab: id }, replace: true })}
          tabs={[
            { id: "keys", title: "API keys", content: () => <Keys tenant={tenant} /> },
            { id: "issuers", title: "Issuers", content: () => <Issuers tenant={tenant} /> },
            { id: "grants", title: "Grants", content: () => <Grants tenant={tenant} /> },
            {
              id: "limits",
              title: "Limits and usage",
              content: () => <Loaded of={read}>{(found) => <Limits of={found} />}</Loaded>,
            },
            {
              id: "origins",
              title: "Origins",
              content: () => <Loaded of={read}>{(found) => <Origins of={found} />}</Loaded>,
            },
            {
              id: "timeline",
              title: "Timeline",
              content: () => <Loaded of={read}>{(found) => <Timeline of={found} />}</Loaded>,
            },
            { id: "revocations", title: "Revocations", content: () => <Revocations tenant={tenant} /> },
            { id: "explain", title: "Explain access", content: () => <Explain tenant={tenant} /> },
          ]}
        />
      )}
    </Page>
  );
}

function State({ of }: { of: Tenant }) {
  const { platform } = useSession();
  const may = useMay("operate") && platform;
  const write = useWrite("/v1/tenants");
  const active = of.state === "active";
  const set = (state: Tenant["state"]): Promise<unknown> =>
    write.mutateAsync({ method: "PUT", path: tenantPath(of.tenant), body: { ...written(of), state } });
  return active ? (
    <Confirm label="Suspend" title={`Suspend ${of.tenant}?`} disabled={!may} run={() => set("suspended")}>
      <p>
        Publishing is refused within seconds. All connections of all its clients close within a minute. Stored
        notifications stay. You can resume the tenant at any time.
      </p>
    </Confirm>
  ) : (
    <>
      <DeleteData tenant={of.tenant} disabled={!may} />
      <Confirm label="Resume" tone="primary" title={`Resume ${of.tenant}?`} disabled={!may} run={() => set("active")}>
        <p>Its publishers and clients may do again what their keys, tokens and grants allow.</p>
      </Confirm>
    </>
  );
}

function DeleteData({ tenant, disabled }: { tenant: string; disabled: boolean }) {
  const [run, deleted] = useDeletion(tenantPath(tenant));
  const [open, setOpen] = useState(false);
  return (
    <>
      <Confirm
        label="Delete data"
        title={`Delete the data of ${tenant}?`}
        disabled={disabled}
        run={async () => {
          await run();
          setOpen(true);
        }}
      >
        <p>
          All stored notifications, inboxes, groups, publications, quarantined messages and timelines of all its clients
          are deleted. This cannot be undone. Its document, keys, issuers, grants and queues stay.
        </p>
      </Confirm>
      {open && deleted && <DeletedDialog of={deleted} whose={tenant} onClose={() => setOpen(false)} />}
    </>
  );
}
