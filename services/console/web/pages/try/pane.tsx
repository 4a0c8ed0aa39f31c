import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { tenantPath } from "#api/client.ts";
import { listen, type Heard } from "#api/stream.ts";
import { pathOf } from "#shell/pages.ts";
import { Panel } from "#ui/page.tsx";
import { Status, type Tone } from "#ui/status.tsx";
import { exactly } from "#ui/time.tsx";

interface Entry extends Heard {
  key: number;
  at: Date;
}

const MOST = 50;
const STATES: Record<string, Tone> = {
  connecting: "wait",
  live: "good",
  connected: "wait",
  ended: "bad",
  off: "plain",
};

/** The frames that one connection of the client hears, the newest first. */
export function Pane({
  tenant,
  client,
  transport,
  title,
  listening,
}: {
  tenant: string;
  client: string;
  transport: string;
  title: string;
  listening: boolean;
}) {
  const [state, setState] = useState("connecting");
  const [entries, setEntries] = useState<Entry[]>([]);
  useEffect(() => {
    if (!listening) {
      setState("off");
      return undefined;
    }
    setState("connecting");
    let key = 0;
    return listen(
      tenantPath(tenant, "try", "stream"),
      { client, transport },
      {
        opened: () => setState("connected"),
        failed: () => setState("connecting"),
        heard: (heard) => {
          const entry = { ...heard, key: (key += 1), at: new Date() };
          setState((old) => stateAfter(heard.event, old));
          setEntries((old) => [entry, ...old].slice(0, MOST));
        },
      },
    );
  }, [tenant, client, transport, listening]);
  return (
    <Panel title={title} actions={<Status tone={STATES[state] ?? "plain"}>{state}</Status>}>
      <ol className="heard" aria-label={`Frames over ${title}`} data-testid={`pane-${transport}`}>
        {entries.map((entry) => (
          <li key={entry.key}>
            <div className="spread small muted">
              <b>{entry.event}</b>
              <span className="number">{exactly(entry.at).slice(11)}</span>
            </div>
            <Frame tenant={tenant} of={entry} />
          </li>
        ))}
        {entries.length === 0 && <li className="muted">Nothing yet. What is published now appears here.</li>}
      </ol>
    </Panel>
  );
}

function stateAfter(event: string, old: string): string {
  if (event === "connected" || event === "live") return event;
  return event === "closing" || event === "problem" || event === "ended" ? "ended" : old;
}

function Frame({ tenant, of: { event, data } }: { tenant: string; of: Heard }) {
  const { id, data: payload } = (typeof data === "object" && data !== null ? data : {}) as {
    id?: unknown;
    data?: unknown;
  };
  if (event !== "notification" || typeof id !== "string") return <code className="small">{JSON.stringify(data)}</code>;
  return (
    <>
      <code>{JSON.stringify(payload)}</code>
      <br />
      <Link to={pathOf(tenant, `notifications/${id}`)} className="small">
        {id}
      </Link>
    </>
  );
}
