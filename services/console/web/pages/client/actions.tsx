import { useState } from "react";
import type { ClientView } from "#api/clients.ts";
import { useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { Confirm } from "#ui/confirm.tsx";
import { many } from "#ui/numbers.ts";
import { DeletedDialog, useDeletion } from "#pages/deletion.tsx";

export function Disconnect({ path, view }: { path: string; view: ClientView | undefined }) {
  const may = useMay("operate");
  const write = useWrite(path);
  const connections = view?.connections?.length ?? 0;
  return (
    <Confirm
      label="Disconnect"
      title="Disconnect this client?"
      disabled={!may || connections === 0}
      run={() => write.mutateAsync({ method: "POST", path: `${path}/disconnect` })}
    >
      <p>
        {many(connections, "connection")} will be closed. The client may connect again at once: its token stays good.
        Nothing is lost, because unacknowledged notifications are stored.
      </p>
    </Confirm>
  );
}

export function Delete({ path, client, view }: { path: string; client: string; view: ClientView | undefined }) {
  const may = useMay("operate");
  const [run, deleted] = useDeletion(path);
  const [open, setOpen] = useState(false);
  return (
    <>
      <Confirm
        label="Delete data"
        title={`Delete everything kept of ${client}?`}
        disabled={!may || view === undefined}
        run={async () => {
          await run();
          setOpen(true);
        }}
      >
        <p>
          {many(view?.stored.count ?? 0, "stored notification")}, {many(view?.inbox.count ?? 0, "inbox item")},{" "}
          {many(view?.groups.length ?? 0, "membership")} and the timeline of this one person are deleted. This cannot be
          undone. You then see what remains in Kafka, and until when.
        </p>
      </Confirm>
      {open && deleted && <DeletedDialog of={deleted} whose={client} onClose={() => setOpen(false)} />}
    </>
  );
}
