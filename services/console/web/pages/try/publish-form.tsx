import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import { useWrite } from "#api/queries.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { Panel } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Status } from "#ui/status.tsx";
import { parsed } from "#pages/settings/editor.tsx";

const TARGETS = ["client", "group", "queue", "exchange"];

export function PublishForm({ tenant, client, disabled }: { tenant: string; client: string; disabled: boolean }) {
  const [target, setTarget] = useState("client");
  const [name, setName] = useState(client);
  const [event, setEvent] = useState("");
  const [ttl, setTtl] = useState("");
  const [headers, setHeaders] = useState("");
  const [data, setData] = useState('{"text": "Hello"}');
  const write = useWrite<Published>(tenantPath(tenant, "notifications"));
  const payload = parsed(data);
  const given = headers.trim() === "" ? { value: undefined } : parsed(headers);
  const wrong = payload.wrong ?? given.wrong;
  const send = (dryRun: boolean): void => {
    const body = {
      to: { [target]: name },
      data: payload.value,
      ...(event !== "" && { event }),
      ...(ttl !== "" && { ttl: Number(ttl) }),
      ...(given.value !== undefined && { headers: given.value }),
    };
    write.mutate({ method: "POST", path: `${tenantPath(tenant, "try", "publish")}${dryRun ? "?dryRun=1" : ""}`, body });
  };
  return (
    <Panel title="Publish">
      <form
        className="form"
        onSubmit={(submitted) => {
          submitted.preventDefault();
          send(false);
        }}
      >
        <div className="pair">
          <Field label="To a">
            {(named) => (
              <select {...named} value={target} onChange={({ target: { value } }) => setTarget(value)}>
                {TARGETS.map((one) => (
                  <option key={one}>{one}</option>
                ))}
              </select>
            )}
          </Field>
          <TextField label="Name" value={name} onText={setName} required />
          <TextField label="Event" placeholder="order.paid" value={event} onText={setEvent} />
          <TextField label="Time to live, s" type="number" min={1} placeholder="none" value={ttl} onText={setTtl} />
        </div>
        <div className="pair">
          <Field label="Payload" hint="Any JSON value." wrong={payload.wrong}>
            {(named) => (
              <textarea
                {...named}
                rows={4}
                spellCheck={false}
                value={data}
                onChange={({ target: { value } }) => setData(value)}
              />
            )}
          </Field>
          <Field label="Headers" hint="A JSON object of texts, numbers and booleans." wrong={given.wrong}>
            {(named) => (
              <textarea
                {...named}
                rows={4}
                spellCheck={false}
                value={headers}
                onChange={({ target: { value } }) => setHeaders(value)}
              />
            )}
          </Field>
        </div>
        {write.error && <ProblemView error={write.error} />}
        <div className="row">
          <Button type="submit" tone="primary" busy={write.isPending} disabled={disabled || wrong !== undefined}>
            Publish
          </Button>
          <Button busy={write.isPending} disabled={disabled || wrong !== undefined} onClick={() => send(true)}>
            Dry run
          </Button>
          <div role="status" className="row">
            {write.data && <Answer tenant={tenant} of={write.data} />}
          </div>
        </div>
      </form>
    </Panel>
  );
}

interface Item {
  id?: string;
  /** Of a dry run. */
  recipients?: number;
  clients?: string[];
  why?: string;
}

/** The receiver's answer to one notification. */
interface Published {
  dryRun?: boolean;
  items: Item[];
}

function Answer({ tenant, of: { dryRun = false, items } }: { tenant: string; of: Published }) {
  const { id, recipients, clients = [], why } = items[0] ?? {};
  if (dryRun)
    return (
      <>
        <Status tone="good">it would be accepted</Status>
        <span className="muted">
          {recipients !== undefined && `Recipients: ${recipients}${named(clients)}. `}
          {why} Nothing was published.
        </span>
      </>
    );
  return (
    <>
      <Status tone="good">accepted</Status>
      {id !== undefined && <Link to={pathOf(tenant, `notifications/${id}`)}>Follow {id}</Link>}
    </>
  );
}

/** The most names that fit beside the button. */
const NAMED = 5;

const named = (clients: string[]): string =>
  clients.length === 0 ? "" : ` (${clients.slice(0, NAMED).join(", ")}${clients.length > NAMED ? ", …" : ""})`;
