import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Listed } from "#api/documents.ts";
import type { InboxItem } from "#api/operations.ts";
import { useRead } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Panel } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

/** The person's own list. It has payloads, so it is asked for. */
export function Inbox({ tenant, path, client }: { tenant: string; path: string; client: string }) {
  const [asked, setAsked] = useState(false);
  const may = useMay("operate");
  const read = useRead<Listed<InboxItem>>(`${path}/inbox`, { query: { limit: 50 }, when: asked });
  return (
    <Panel title="Inbox">
      {asked ? (
        <Loaded of={read} rows={3}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="muted">It is empty, or its tenant has no inbox.</p>
            ) : (
              <Table
                caption="Inbox"
                keyOf={({ id }) => id}
                rows={items}
                columns={[
                  {
                    title: "Notification",
                    cell: ({ id }) => (
                      <Link to={pathOf(tenant, `notifications/${id}`)} search={{ client }}>
                        <code>{id}</code>
                      </Link>
                    ),
                  },
                  {
                    title: "Mark",
                    cell: ({ mark }) => <Status tone={mark === null ? "plain" : "good"}>{mark ?? "not seen"}</Status>,
                  },
                  { title: "Event", cell: ({ event = "none" }) => event },
                  { title: "Payload", cell: ({ data }) => <code>{JSON.stringify(data)}</code> },
                  { title: "Published", cell: ({ publishedAt }) => <Time at={publishedAt} /> },
                ]}
              />
            )
          }
        </Loaded>
      ) : (
        <div className="row">
          <Button disabled={!may} onClick={() => setAsked(true)}>
            Show the inbox
          </Button>
          <span className="muted">
            {may
              ? "It has payloads, so the audit log gets an entry for it."
              : "It has payloads: you need the scope operate."}
          </span>
        </div>
      )}
    </Panel>
  );
}
