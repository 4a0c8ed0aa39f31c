import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { DeadLetter, DeadLetters, ShownDeadLetter } from "#api/operations.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Empty } from "#ui/empty.tsx";
import { Json } from "#ui/json.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { bytes } from "#ui/numbers.ts";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";

const PATH = "/v1/dead-letters";

/** Records of the whole platform: one can hold notifications of several tenants. */
export function Letters({ after }: { after: string | undefined }) {
  const read = useRead<DeadLetters>(PATH, { query: { after, limit: 50 }, every: 10_000 });
  const [shown, setShown] = useState<DeadLetter>();
  return (
    <>
      <p className="muted">
        Records of all tenants that could never be processed, kept for 30 days. Their partitions went on without them.
      </p>
      <Loaded of={read}>
        {({ deadLetters, next }) =>
          deadLetters.length === 0 ? (
            <Empty title="There is no dead letter">
              That is how it should be. A record comes here if it is malformed, or if the database refuses its data.
            </Empty>
          ) : (
            <>
              <Table
                caption="Dead letters"
                keyOf={({ id }) => id}
                rows={deadLetters.toReversed()}
                columns={[
                  { title: "Id", cell: ({ id }) => <code>{id}</code> },
                  { title: "Reason", cell: ({ reason }) => reason },
                  { title: "Notifications", cell: ({ notifications }) => <Named of={notifications} /> },
                  { title: "Record", cell: ({ topic, partition, offset }) => `${topic} ${partition}:${offset}` },
                  { title: "When", cell: ({ when }) => <Time at={when} /> },
                  {
                    title: "Actions",
                    end: true,
                    cell: (letter) => (
                      <span className="actions">
                        <Button onClick={() => setShown(letter)}>Read</Button>
                        <Redrive of={letter} />
                      </span>
                    ),
                  },
                ]}
              />
              {next !== undefined && (
                <Link to="." search={{ tab: "letters", after: next }}>
                  Next page
                </Link>
              )}
            </>
          )
        }
      </Loaded>
      {shown && <Read of={shown} onClose={() => setShown(undefined)} />}
    </>
  );
}

function Named({ of }: { of: DeadLetter["notifications"] }) {
  if (of.length === 0) return <span className="muted">cannot be read</span>;
  return (
    <ul>
      {of.slice(0, 3).map(({ client, id }) => {
        const slash = client.indexOf("/");
        return (
          <li key={id}>
            {client}{" "}
            <Link to={pathOf(client.slice(0, slash), `notifications/${id}`)}>
              <code>{id.slice(0, 8)}</code>
            </Link>
          </li>
        );
      })}
      {of.length > 3 && <li className="muted">and {of.length - 3} more</li>}
    </ul>
  );
}

function Redrive({ of: { id, notifications, topic } }: { of: DeadLetter }) {
  const may = useMay("operate");
  const write = useWrite(PATH);
  const [done, setDone] = useState(false);
  const run = async (): Promise<void> => {
    await write.mutateAsync({ method: "POST", path: `${PATH}/${encodeURIComponent(id)}/redrive`, body: {} });
    setDone(true);
  };
  return (
    <>
      <Confirm
        label={done ? "Redrive again" : "Redrive"}
        tone="primary"
        title={`Redrive ${id}?`}
        disabled={!may}
        run={run}
      >
        <p>
          The same bytes are written to {topic} again
          {notifications.length > 0 && `, with ${notifications.length} known notifications`}. For its client it is a new
          notification: it comes after newer ones, and its time to live begins again. The dead letter stays in the list.
          Redrive it twice, and it is sent twice.
        </p>
      </Confirm>
      <span role="status" className="hidden">
        {done && "redriven"}
      </span>
    </>
  );
}

function Read({ of, onClose }: { of: DeadLetter; onClose: () => void }) {
  const read = useRead<ShownDeadLetter>(`${PATH}/${encodeURIComponent(of.id)}`);
  return (
    <Dialog title={`Dead letter ${of.id}`} onClose={onClose} className="wide">
      <p>{of.reason}</p>
      <p className="muted small">
        {bytes(of.size)} at {of.topic} {of.partition}:{of.offset}
        {of.index !== undefined && `, item ${of.index}`}
      </p>
      <Loaded of={read}>{({ content }) => <Json value={content.items ?? content.base64 ?? content} />}</Loaded>
      <footer>
        <Button onClick={onClose} autoFocus>
          Close
        </Button>
      </footer>
    </Dialog>
  );
}
