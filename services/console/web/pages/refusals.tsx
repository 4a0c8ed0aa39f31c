import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Listed } from "#api/documents.ts";
import type { Refusal } from "#api/operations.ts";
import { useRead } from "#api/queries.ts";
import { useSession } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Empty } from "#ui/empty.tsx";
import { TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Page } from "#ui/page.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

const route = getRouteApi("/t/$tenant/refusals");

/** Callers without an accepted token have no tenant of their own. */
const STRANGERS = "platform";

/** Why requests were refused, by the `instance` of their answers. */
export function Refusals() {
  const { tenant } = route.useParams();
  const { instance, before } = route.useSearch();
  const { platform } = useSession();
  return (
    <Page
      title="Refused requests"
      lead="The answer to a refused request has an instance. Paste it here to see the reason."
      actions={
        platform &&
        tenant !== STRANGERS && (
          <Link className="button" to={pathOf(STRANGERS, "refusals")}>
            Callers without an accepted token
          </Link>
        )
      }
    >
      <Find key={instance} />
      {instance === undefined ? (
        <Newest tenant={tenant} before={before} />
      ) : (
        <One tenant={tenant} instance={instance.replace(/^urn:uuid:/i, "")} />
      )}
    </Page>
  );
}

function Find() {
  const { instance } = route.useSearch();
  const navigate = route.useNavigate();
  const [text, setText] = useState(instance ?? "");
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ to: ".", search: { instance: text.trim() } });
      }}
    >
      <TextField label="Instance" placeholder="urn:uuid:…" value={text} onText={setText} />
      <Button type="submit">Find</Button>
    </form>
  );
}

function One({ tenant, instance }: { tenant: string; instance: string }) {
  const read = useRead<Refusal>(tenantPath(tenant, "refusals", instance));
  return <Loaded of={read}>{(found) => <Requests items={[found]} />}</Loaded>;
}

function Newest({ tenant, before }: { tenant: string; before: string | undefined }) {
  const query = { before, limit: 50 };
  const read = useRead<Listed<Refusal>>(tenantPath(tenant, "refusals"), { query, every: 10_000 });
  return (
    <Loaded of={read} rows={8}>
      {({ items, next }) =>
        items.length === 0 ? (
          <Empty title="No request was refused">
            A refused request appears here within a second or two. In a flood of them, most are only counted.
          </Empty>
        ) : (
          <>
            <Requests items={items} />
            {next !== undefined && (
              <Link to="." search={{ before: next }}>
                Older
              </Link>
            )}
          </>
        )
      }
    </Loaded>
  );
}

function Requests({ items }: { items: Refusal[] }) {
  return (
    <Table
      caption="Refused requests"
      keyOf={({ instance }) => instance}
      rows={items}
      columns={[
        { title: "Problem", cell: ({ problem, status }) => `${status} ${problem}` },
        { title: "Why", cell: ({ why }) => why },
        {
          title: "Request",
          cell: ({ method, path, service }) => (
            <>
              <code>
                {method.toUpperCase()} {path}
              </code>{" "}
              <span className="muted">{service}</span>
            </>
          ),
        },
        { title: "Instance", cell: ({ instance }) => <code>{instance}</code> },
        { title: "Time", cell: ({ at }) => <Time at={at} /> },
      ]}
    />
  );
}
