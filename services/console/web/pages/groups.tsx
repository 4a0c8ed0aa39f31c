import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Members } from "#api/operations.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Empty } from "#ui/empty.tsx";
import { TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Page } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Table } from "#ui/table.tsx";
import { count } from "#ui/numbers.ts";

const route = getRouteApi("/t/$tenant/groups");

export function Groups() {
  const { tenant } = route.useParams();
  const { group } = route.useSearch();
  const navigate = route.useNavigate();
  const [name, setName] = useState(group ?? "");
  return (
    <Page
      title="Groups"
      lead="A group is a set of clients. A publication to it goes to each of its members. It exists while it has one."
    >
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          void navigate({ to: ".", search: { group: name.trim() } });
        }}
      >
        <TextField label="Name of the group" placeholder="team" value={name} onText={setName} required />
        <Button type="submit" tone="primary">
          Open
        </Button>
      </form>
      {group === undefined ? (
        <Empty title="Open a group by its name">You see its members, and can add and remove them.</Empty>
      ) : (
        <Group key={group} tenant={tenant} group={group} />
      )}
    </Page>
  );
}

function Group({ tenant, group }: { tenant: string; group: string }) {
  const { after } = route.useSearch();
  const path = tenantPath(tenant, "groups", group);
  const members = useRead<Members>(`${path}/members`, { query: { after, limit: 100 } });
  const size = useRead<{ members: number }>(path);
  const write = useWrite(path);
  const may = useMay("operate");
  const [client, setClient] = useState("");
  const remove = (name: string): Promise<unknown> =>
    write.mutateAsync({ method: "DELETE", path: `${path}/members/${encodeURIComponent(name)}` });
  return (
    <>
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          write.mutate(
            { method: "PUT", path: `${path}/members/${encodeURIComponent(client.trim())}` },
            { onSuccess: () => setClient("") },
          );
        }}
      >
        <TextField label={`Add a client to ${group}`} value={client} onText={setClient} required />
        <Button type="submit" disabled={!may} busy={write.isPending}>
          Add
        </Button>
      </form>
      {write.error && <ProblemView error={write.error} />}
      <h2>
        {group}: {size.data === undefined ? "…" : count(size.data.members)} members
      </h2>
      <Loaded of={members}>
        {({ members: names, next }) =>
          names.length === 0 ? (
            <Empty title="It has no member">Add a client above. A publication to it now goes to no recipient.</Empty>
          ) : (
            <>
              <Table
                caption="Members"
                keyOf={(name) => name}
                rows={names}
                columns={[
                  {
                    title: "Client",
                    cell: (name) => <Link to={pathOf(tenant, `clients/${encodeURIComponent(name)}`)}>{name}</Link>,
                  },
                  {
                    title: "Actions",
                    end: true,
                    cell: (name) => (
                      <span className="actions">
                        <Confirm
                          label="Remove"
                          title={`Remove ${name} from ${group}?`}
                          disabled={!may}
                          run={() => remove(name)}
                        >
                          <p>One client gets no later publications to this group. What it has already, stays.</p>
                        </Confirm>
                      </span>
                    ),
                  },
                ]}
              />
              {next !== undefined && (
                <Link to="." search={{ group, after: next }}>
                  Next page
                </Link>
              )}
            </>
          )
        }
      </Loaded>
    </>
  );
}
