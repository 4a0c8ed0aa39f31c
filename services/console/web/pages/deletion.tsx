import { useState } from "react";
import type { Deleted } from "#api/clients.ts";
import { useWrite } from "#api/queries.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { count } from "#ui/numbers.ts";
import { Facts } from "#ui/page.tsx";
import { Time } from "#ui/time.tsx";

/** A deletion that is too large for one request is repeated. This bound ends one that never finishes. */
const MOST_REQUESTS = 1_000;

/** Deletes the data of a client or a tenant in bounded steps, and adds up what they deleted. */
export function useDeletion(path: string): [run: () => Promise<void>, deleted: Deleted | undefined] {
  const write = useWrite<Deleted>(path);
  const [deleted, setDeleted] = useState<Deleted>();
  const run = async (): Promise<void> => {
    const all: Record<string, number> = {};
    for (let step = 0; step < MOST_REQUESTS; step += 1) {
      const answer = await write.mutateAsync({ method: "DELETE", path });
      for (const [name, number] of Object.entries(answer.deleted)) all[name] = (all[name] ?? 0) + number;
      setDeleted({ ...answer, deleted: all });
      if (answer.finished) return;
    }
  };
  return [run, deleted];
}

export function DeletedDialog({ of, whose, onClose }: { of: Deleted; whose: string; onClose: () => void }) {
  const { finished, deleted, remains, notes } = of;
  return (
    <Dialog
      title={`${finished ? "Deleted" : "Partly deleted"}: the data of ${whose}`}
      onClose={onClose}
      className="wide"
    >
      {!finished && <p>More is left. Delete again to go on.</p>}
      <Facts of={Object.entries(deleted).map(([name, number]) => [name, count(number)])} />
      <h3>What remains until it ends by itself</h3>
      <ul className="sentences">
        {remains.map(({ where, what, until }) => (
          <li key={where}>
            <code>{where}</code>: {what}, until <Time at={until} exact />
          </li>
        ))}
      </ul>
      {notes.map((note) => (
        <p key={note} className="muted">
          {note}
        </p>
      ))}
      <footer>
        <Button onClick={onClose} autoFocus>
          Close
        </Button>
      </footer>
    </Dialog>
  );
}
