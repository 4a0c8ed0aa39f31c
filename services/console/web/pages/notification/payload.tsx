import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { NotificationView } from "#api/notifications.ts";
import { useRead } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { JsonText } from "#ui/json.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Panel } from "#ui/page.tsx";

/** Reading a payload needs a right of its own, and is audited: so it is asked for. */
export function Payload({ tenant, id, client }: { tenant: string; id: string; client: string | undefined }) {
  const [asked, setAsked] = useState(false);
  const may = useMay("operate");
  const read = useRead<NotificationView>(tenantPath(tenant, "notifications", id), {
    query: { payload: 1, client },
    when: asked,
  });
  return (
    <Panel title="Payload">
      {asked ? (
        <Loaded of={read} rows={3}>
          {({ payload }) =>
            payload === undefined ? (
              <p className="muted">No store has it any more: it is delivered, expired or deleted.</p>
            ) : (
              <JsonText text={payload.text} />
            )
          }
        </Loaded>
      ) : (
        <div className="row">
          <Button disabled={!may} onClick={() => setAsked(true)}>
            Show the payload
          </Button>
          <span className="muted">
            {may ? "The audit log gets an entry for it." : "You need the scope operate to read payloads."}
          </span>
        </div>
      )}
    </Panel>
  );
}
