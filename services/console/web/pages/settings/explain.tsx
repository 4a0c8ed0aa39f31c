import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import { useWrite } from "#api/queries.ts";
import { Button } from "#ui/button.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { Panel } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";

interface Answer {
  allowed: boolean;
  subject?: string;
  checks: { check: string; holds: boolean; why?: string }[];
}

const SCOPES = ["subscribe", "publish", "consume", "read", "operate"];

/** Why a request would be allowed or refused: the checks of every service, in their order. */
export function Explain({ tenant }: { tenant: string }) {
  const [token, setToken] = useState("");
  const [subject, setSubject] = useState("");
  const [scope, setScope] = useState("subscribe");
  const [client, setClient] = useState("");
  const [target, setTarget] = useState("");
  const [origin, setOrigin] = useState("");
  const ask = useWrite<Answer>();
  const submit = (): void => {
    const about = {
      ...(client !== "" && { client }),
      ...(target !== "" && { target }),
      ...(origin !== "" && { origin }),
    };
    const who = token === "" ? { subject, scopes: [scope] } : { token: token.trim() };
    const body = { ...who, scope, ...about };
    ask.mutate({ method: "POST", path: tenantPath(tenant, "explain-access"), body });
  };
  return (
    <div className="panels">
      <Panel title="The request">
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            submit();
          }}
        >
          <TextField
            label="Token or API key"
            hint="The one that was refused. It is only checked, and kept nowhere."
            type="password"
            value={token}
            onText={setToken}
          />
          <TextField label="Or a subject" hint="The sub of its tokens." value={subject} onText={setSubject} />
          <div className="pair">
            <Field label="It wants to">
              {(named) => (
                <select {...named} value={scope} onChange={({ target: { value } }) => setScope(value)}>
                  {SCOPES.map((one) => (
                    <option key={one}>{one}</option>
                  ))}
                </select>
              )}
            </Field>
            <TextField label="Client" value={client} onText={setClient} />
          </div>
          <div className="pair">
            <TextField label="Target" placeholder="queue/changes" value={target} onText={setTarget} />
            <TextField label="Page's origin" placeholder="https://app.example.com" value={origin} onText={setOrigin} />
          </div>
          <div>
            <Button type="submit" tone="primary" busy={ask.isPending} disabled={token === "" && subject === ""}>
              Explain
            </Button>
          </div>
        </form>
      </Panel>
      <Panel title="The answer">
        {ask.error && <ProblemView error={ask.error} />}
        {ask.data ? (
          <>
            <p>
              <Status tone={ask.data.allowed ? "good" : "bad"}>{ask.data.allowed ? "allowed" : "refused"}</Status>{" "}
              {ask.data.subject !== undefined && (
                <>
                  for <b>{ask.data.subject}</b>
                </>
              )}
            </p>
            <Table
              caption="Checks"
              keyOf={({ check }) => check}
              rows={ask.data.checks}
              columns={[
                { title: "Check", cell: ({ check }) => check },
                {
                  title: "Holds",
                  cell: ({ holds }) => <Status tone={holds ? "good" : "bad"}>{holds ? "yes" : "no"}</Status>,
                },
                { title: "Why", cell: ({ why }) => why ?? "" },
              ]}
            />
          </>
        ) : (
          !ask.error && <p className="muted">Describe a request. You see each check that it passes or fails.</p>
        )}
      </Panel>
    </div>
  );
}
