import { useState } from "react";
import type { ClientView, Deleted } from "#api/clients.ts";
import { useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { count, many } from "#ui/numbers.ts";
import { Facts } from "#ui/page.tsx";

export function Disconnect({ path, connections }: { path: string; connections: number | undefined }) {
  const may = useMay("operate");
  const write = useWrite(path);
  return (
    <Confirm
      label="Disconnect"
      title="Disconnect this client?"
      disabled={!may || connections === undefined || connections === 0}
      run={() => write.mutateAsync({ method: "POST", path: `${path}/disconnect`, body: {} })}
    >
      <p>
        {many(connections ?? 0, "connection")} will be closed. The client may connect again at once: its token stays
        good. Nothing is lost, because unacknowledged notifications are stored.
      </p>
    </Confirm>
  );
}

export function Delete({ path, client, view }: { path: string; client: string; view: ClientView | undefined }) {
  const may = useMay("operate");
  const write = useWrite<Deleted>(path);
  const [deleted, setDeleted] = useState<Deleted>();
  return (
    <>
      <Confirm
        label="Delete data"
        title={`Delete everything kept of ${client}?`}
        disabled={!may || view === undefined}
        run={async () => setDeleted(await write.mutateAsync({ method: "DELETE", path }))}
      >
        <p>
          {many(view?.stored.count ?? 0, "stored notification")}, {many(view?.inbox?.items ?? 0, "inbox item")},{" "}
          {many(view?.groups.length ?? 0, "membership")} and the timeline of this person are deleted. This cannot be
          undone. You then see what remains in Kafka, and until when.
        </p>
      </Confirm>
      {deleted && (
        <Dialog title={`Deleted data of ${client}`} onClose={() => setDeleted(undefined)}>
          <Facts of={Object.entries(deleted.deleted).map(([name, number]) => [name, count(number)])} />
          {deleted.remains.map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          <footer>
            <Button onClick={() => setDeleted(undefined)} autoFocus>
              Close
            </Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
