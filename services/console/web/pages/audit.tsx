import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Listed } from "#api/documents.ts";
import type { AuditEntry } from "#api/operations.ts";
import { useRead } from "#api/queries.ts";
import { useSession } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Empty } from "#ui/empty.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { Json } from "#ui/json.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { many } from "#ui/numbers.ts";
import { Facts, Page } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

const route = getRouteApi("/audit");

/** Who tried what, and what came of it. */
export function Audit() {
  const search = route.useSearch();
  const { platform, tenants } = useSession();
  // A tenant's operators see the entries of their tenant.
  const tenant = search.tenant ?? (platform ? undefined : tenants[0]);
  // The pages' own reads would hide everything else.
  const { outcome = "notable" } = search;
  const query = { ...search, tenant, outcome: outcome === "all" ? undefined : outcome, limit: 100 };
  const read = useRead<Listed<AuditEntry>>("/v1/audit", { query });
  const [shown, setShown] = useState<AuditEntry>();
  return (
    <Page title="Audit" lead="Every request that needs a right: by whom, what it changed, and why it was refused.">
      <Filters key={JSON.stringify(search)} />
      <Loaded of={read} rows={8}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty
              title="No entry matches"
              action={
                <Link to="/audit" search={{ outcome: "all" }}>
                  Show all entries
                </Link>
              }
            >
              The log keeps entries for a limited time. Entries appear a second or two after the request.
            </Empty>
          ) : (
            <>
              <Table
                caption="Audit log"
                keyOf={(entry) => JSON.stringify(entry)}
                rows={items}
                columns={[
                  { title: "Who", cell: ({ subject = "" }) => subject || <span className="muted">no name</span> },
                  { title: "Tenant", cell: ({ tenant: name = "" }) => name || <span className="muted">none</span> },
                  { title: "Outcome", cell: (entry) => <Outcome of={entry} /> },
                  {
                    title: "Request",
                    cell: ({ times = 1, missing, ...entry }) =>
                      missing === undefined ? (
                        <code>
                          {requestOf(entry)} {times > 1 && `(${times} times)`}
                        </code>
                      ) : (
                        `${many(missing, "request")} could not be written to the log`
                      ),
                  },
                  { title: "Time", cell: ({ at }) => <Time at={at} /> },
                  {
                    title: "Details",
                    end: true,
                    cell: (entry) => <Button onClick={() => setShown(entry)}>Show</Button>,
                  },
                ]}
              />
              {next !== undefined && (
                <Link to="." search={{ ...search, before: next }}>
                  Older
                </Link>
              )}
            </>
          )
        }
      </Loaded>
      {shown && <Entry of={shown} onClose={() => setShown(undefined)} />}
    </Page>
  );
}

const requestOf = ({ method = "", path = "" }: AuditEntry): string => `${method.toUpperCase()} ${path}`;

function Outcome({ of: { allowed, outcome, missing } }: { of: AuditEntry }) {
  if (missing !== undefined) return <Status tone="warn">not known</Status>;
  if (allowed !== true) return <Status tone="bad">refused</Status>;
  if (outcome === "failed") return <Status tone="warn">failed</Status>;
  if (outcome === "refused") return <Status tone="warn">not valid</Status>;
  return <Status tone="good">{outcome ?? "allowed"}</Status>;
}

function Entry({ of, onClose }: { of: AuditEntry; onClose: () => void }) {
  const { at, service, address, subject, tenant, scope, why, wrote = [] } = of;
  return (
    <Dialog title="Audit entry" onClose={onClose} className="wide">
      <Facts
        of={[
          ["Time", <Time key="" at={at} exact />],
          ["Request", <code key="">{requestOf(of)}</code>],
          ["Service", service],
          ["Scope", scope],
          ["Who", subject],
          ["Tenant", tenant],
          ["From", address],
          ...(why === undefined ? [] : ([["Why", why]] satisfies [string, string][])),
        ]}
      />
      {wrote.map(({ kind, id, changed }) => (
        <div key={`${kind} ${id}`} className="stack">
          <h3>
            {kind} {id}
          </h3>
          <Json value={changed} />
        </div>
      ))}
      <footer>
        <Button onClick={onClose} autoFocus>
          Close
        </Button>
      </footer>
    </Dialog>
  );
}

function Filters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [tenant, setTenant] = useState(search.tenant ?? "");
  const [subject, setSubject] = useState(search.subject ?? "");
  const [outcome, setOutcome] = useState(search.outcome ?? "notable");
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ to: ".", search: { tenant, subject, outcome } });
      }}
    >
      <TextField label="Tenant" value={tenant} onText={setTenant} />
      <TextField label="Who" value={subject} onText={setSubject} />
      <Field label="Outcome">
        {(named) => (
          <select {...named} value={outcome} onChange={({ target }) => setOutcome(target.value)}>
            <option value="notable">changes and refusals</option>
            <option value="refused">refused</option>
            <option value="allowed">allowed</option>
            <option value="all">all, with reads</option>
          </select>
        )}
      </Field>
      <Button type="submit">Filter</Button>
    </form>
  );
}
