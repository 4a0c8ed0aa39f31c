import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Listed } from "#api/documents.ts";
import type { Quarantined } from "#api/operations.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Empty } from "#ui/empty.tsx";
import { Json } from "#ui/json.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

/** Messages of queues that no worker could handle. */
export function Quarantine({ tenant, after }: { tenant: string; after: string | undefined }) {
  const path = tenantPath(tenant, "quarantine");
  const read = useRead<Listed<Quarantined>>(path, { query: { after, limit: 50 }, every: 10_000 });
  const write = useWrite(path);
  const may = useMay("operate");
  const [shown, setShown] = useState<Quarantined>();
  return (
    <>
      <p className="muted">Messages of {tenant} that failed their last attempt, kept for 30 days.</p>
      <Loaded of={read}>
        {({ items, next }) =>
          items.length === 0 ? (
            <Empty title="No message is in quarantine">
              A message comes here after the last attempt that its queue's document allows.
            </Empty>
          ) : (
            <>
              <Table
                caption="Quarantine"
                keyOf={({ id, source }) => `${id} ${source}`}
                rows={items}
                columns={[
                  {
                    title: "Message",
                    cell: ({ id }) => (
                      <Link to={pathOf(tenant, `notifications/${id}`)}>
                        <code>{id}</code>
                      </Link>
                    ),
                  },
                  { title: "Queue", cell: ({ source }) => source },
                  { title: "Reason", cell: ({ reason }) => reason },
                  { title: "Since", cell: ({ at }) => <Time at={at} /> },
                  {
                    title: "Actions",
                    end: true,
                    cell: (message) => (
                      <span className="actions">
                        <Button onClick={() => setShown(message)}>Read</Button>
                        <Confirm
                          label="Redrive"
                          tone="primary"
                          title="Send this message to its queue again?"
                          disabled={!may}
                          run={() =>
                            write.mutateAsync({
                              method: "POST",
                              path: `${path}/${message.id}/redrive?source=${encodeURIComponent(message.source)}`,
                              body: {},
                            })
                          }
                        >
                          <p>
                            One message goes to {message.source}. It keeps its id, follows all messages that are in the
                            queue, and leaves the quarantine.
                          </p>
                        </Confirm>
                      </span>
                    ),
                  },
                ]}
              />
              {next !== undefined && (
                <Link to="." search={{ tab: "quarantine", after: next }}>
                  Next page
                </Link>
              )}
            </>
          )
        }
      </Loaded>
      {shown && (
        <Dialog title={`Message ${shown.id}`} onClose={() => setShown(undefined)} className="wide">
          <p>{shown.reason}</p>
          <Json value={{ event: shown.event, headers: shown.headers, data: shown.data }} />
          <footer>
            <Button onClick={() => setShown(undefined)} autoFocus>
              Close
            </Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
