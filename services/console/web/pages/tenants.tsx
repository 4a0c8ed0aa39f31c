import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Listed, Tenant, Usage } from "#api/documents.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Empty } from "#ui/empty.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { bytes, count } from "#ui/numbers.ts";
import { Page } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

const route = getRouteApi("/tenants");
const ORDERS = { bytes: "stored bytes", clients: "stored clients", rate: "publish rate", refused: "refused requests" };

export function Tenants() {
  const { after, by = "bytes" } = route.useSearch();
  const navigate = route.useNavigate();
  const tenants = useRead<Listed<Tenant>>("/v1/tenants", { query: { after, limit: 100 } });
  const usage = useRead<{ items: Usage[] }>("/v1/loudest-tenants", { query: { by, limit: 10 }, every: 5_000 });
  return (
    <Page
      title="Tenants"
      lead="Each tenant is an isolated customer of the platform, with clients, keys and limits of its own."
      actions={<Add />}
    >
      <section className="stack">
        <div className="spread">
          <h2>Loudest tenants</h2>
          <Field label="Order by">
            {(named) => (
              <select
                {...named}
                value={by}
                onChange={({ target }) => void navigate({ to: ".", search: (old) => ({ ...old, by: target.value }) })}
              >
                {Object.entries(ORDERS).map(([value, text]) => (
                  <option key={value} value={value}>
                    {text}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </div>
        <Loaded of={usage} rows={3}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No tenant uses anything yet">
                A tenant is listed here once it publishes, is refused, or has stored notifications.
              </Empty>
            ) : (
              <UsageTable items={items} />
            )
          }
        </Loaded>
      </section>
      <section className="stack">
        <h2>All tenants</h2>
        <Loaded of={tenants}>
          {({ items, next }) => (
            <>
              {items.length === 0 ? (
                <Empty title="There is no tenant" action={<Add />}>
                  Add a tenant, then make an API key for its publisher.
                </Empty>
              ) : (
                <Table
                  caption="Tenants"
                  keyOf={({ tenant }) => tenant}
                  rows={items}
                  columns={[
                    { title: "Tenant", cell: ({ tenant }) => <Link to={pathOf(tenant, "settings")}>{tenant}</Link> },
                    {
                      title: "State",
                      cell: ({ state }) => <Status tone={state === "active" ? "good" : "bad"}>{state}</Status>,
                    },
                    { title: "Trust", cell: ({ trust }) => trust },
                    { title: "Own limits", end: true, cell: ({ limits }) => Object.keys(limits).length },
                    { title: "Changed", cell: ({ changed }) => <Time at={changed} /> },
                  ]}
                />
              )}
              <Pages after={after} next={next} />
            </>
          )}
        </Loaded>
      </section>
    </Page>
  );
}

function Pages({ after, next }: { after: string | undefined; next: string | undefined }) {
  if (after === undefined && next === undefined) return null;
  return (
    <nav className="row" aria-label="Pages of the list">
      {after !== undefined && <Link to="/tenants">First page</Link>}
      {next !== undefined && (
        <Link to="/tenants" search={{ after: next }}>
          Next page
        </Link>
      )}
    </nav>
  );
}

function UsageTable({ items }: { items: Usage[] }) {
  return (
    <Table
      caption="Loudest tenants"
      keyOf={({ tenant }) => tenant}
      rows={items}
      columns={[
        { title: "Tenant", cell: ({ tenant }) => <Link to={pathOf(tenant, "settings")}>{tenant}</Link> },
        { title: "Published", end: true, cell: ({ published }) => `${count(published.notifications)}/s` },
        { title: "Bytes", end: true, cell: ({ published }) => `${bytes(published.bytes)}/s` },
        { title: "Stored", end: true, cell: ({ stored }) => count(stored.notifications) },
        { title: "Stored bytes", end: true, cell: ({ stored }) => bytes(stored.bytes) },
        { title: "Clients", end: true, cell: ({ stored }) => count(stored.clients) },
        {
          title: "Limits",
          cell: ({ stored: { full }, refused }) => {
            const rate = Object.values(refused).reduce((sum, one) => sum + one, 0);
            if (full !== undefined) return <Status tone="bad">full: {full}</Status>;
            return rate > 0 ? (
              <Status tone="warn">{count(rate)} refused/s</Status>
            ) : (
              <Status tone="good">below all</Status>
            );
          },
        },
      ]}
    />
  );
}

function Add() {
  const [open, setOpen] = useState(false);
  const may = useMay("operate");
  return (
    <>
      <Button tone="primary" disabled={!may} onClick={() => setOpen(true)}>
        Add tenant
      </Button>
      {open && <AddDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function AddDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [trust, setTrust] = useState("grants");
  const navigate = route.useNavigate();
  const add = useWrite("/v1/tenants");
  const wrong = name === "" || /^[A-Za-z0-9_-]{1,64}$/.test(name) ? undefined : "1 to 64 of letters, digits, _ and -";
  const submit = async (): Promise<void> => {
    await add.mutateAsync({ method: "PUT", path: tenantPath(name), body: { trust } });
    onClose();
    await navigate({ to: pathOf(name, "settings") });
  };
  return (
    <Dialog title="Add a tenant" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit().catch(() => undefined);
        }}
      >
        <TextField
          label="Name"
          hint="Publishers and clients use it. It cannot change later. An existing tenant with this name is changed."
          wrong={wrong}
          value={name}
          onText={setName}
          autoFocus
          required
        />
        <Field label="Trust" hint="scopes: a token's scopes are enough. grants: a grant must also name its subject.">
          {(named) => (
            <select {...named} value={trust} onChange={({ target }) => setTrust(target.value)}>
              <option value="grants">grants</option>
              <option value="scopes">scopes</option>
            </select>
          )}
        </Field>
        {add.error && <ProblemView error={add.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone="primary" busy={add.isPending} disabled={name === "" || wrong !== undefined}>
            Add tenant
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
