import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import { recipientText, type Exchange, type Recipient } from "#api/documents.ts";
import { useWrite } from "#api/queries.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { many } from "#ui/numbers.ts";
import { Page } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Status } from "#ui/status.tsx";
import { Documents } from "./settings/documents.tsx";
import { parsed } from "./settings/editor.tsx";

const route = getRouteApi("/t/$tenant/exchanges");

interface Explained {
  bindings: { index: number; name?: string; matches: boolean; why: string; to: Recipient }[];
  fallback: boolean;
  recipients: Recipient[];
}

export function Exchanges() {
  const { tenant } = route.useParams();
  const path = tenantPath(tenant, "exchanges");
  const [explained, setExplained] = useState<Exchange>();
  return (
    <Page title="Exchanges" lead="An exchange selects the recipients of each publication by its key or its headers.">
      <Documents<Exchange>
        kind="an exchange"
        path={path}
        lead="Publish to an exchange, and its bindings choose who gets it."
        start={{ type: "direct", bindings: [{ key: "invoice", to: { group: "accounting" } }] }}
        hint="type: direct, fanout or headers. Each binding names its recipient in to: client, clients, group or queue."
        empty="Add an exchange, then publish to it instead of to a client."
        deleting={({ bindings }) =>
          `Publications to it are refused from then on. It has ${many(bindings.length, "binding")}.`
        }
        more={(exchange) => <Button onClick={() => setExplained(exchange)}>Explain</Button>}
        columns={[
          { title: "Type", cell: ({ type }) => type },
          {
            title: "Bindings",
            cell: ({ bindings }) => (
              <ul>
                {bindings.slice(0, 4).map((binding, index) => (
                  <li key={index}>
                    {binding.key !== undefined && <code>{binding.key}</code>}
                    {binding.headers !== undefined && <code>{JSON.stringify(binding.headers)}</code>} →{" "}
                    {recipientText(binding.to)}
                  </li>
                ))}
                {bindings.length > 4 && <li className="muted">and {bindings.length - 4} more</li>}
              </ul>
            ),
          },
          { title: "Otherwise", cell: ({ fallback }) => (fallback ? recipientText(fallback) : "no recipient") },
        ]}
      />
      {explained && (
        <ExplainDialog
          path={`${path}/${encodeURIComponent(explained.id)}`}
          of={explained}
          onClose={() => setExplained(undefined)}
        />
      )}
    </Page>
  );
}

function ExplainDialog({ path, of, onClose }: { path: string; of: Exchange; onClose: () => void }) {
  const [key, setKey] = useState("");
  const [headers, setHeaders] = useState("{}");
  const ask = useWrite<Explained>();
  const read = parsed(headers);
  const submit = (): void => {
    const body = of.type === "headers" ? { headers: read.value } : { ...(key !== "" && { key }) };
    ask.mutate({ method: "POST", path: `${path}/explain`, body });
  };
  return (
    <Dialog title={`Who gets a publication to ${of.id}?`} onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {of.type === "headers" ? (
          <Field label="Headers" hint="A JSON object." wrong={read.wrong}>
            {(named) => (
              <textarea {...named} rows={4} value={headers} onChange={({ target }) => setHeaders(target.value)} />
            )}
          </Field>
        ) : (
          <TextField label="Key" value={key} onText={setKey} autoFocus />
        )}
        {ask.error && <ProblemView error={ask.error} />}
        {ask.data && (
          <>
            <ul className="stack">
              {ask.data.bindings.map(({ index, matches, why, to }) => (
                <li key={index}>
                  <Status tone={matches ? "good" : "plain"}>{matches ? "matches" : "no match"}</Status>{" "}
                  {recipientText(to)}: {why}
                </li>
              ))}
            </ul>
            <p>
              <b>{many(ask.data.recipients.length, "recipient")}</b>
              {ask.data.fallback && " by the fallback"}
              {ask.data.recipients.length > 0 && `: ${ask.data.recipients.map(recipientText).join("; ")}`}
            </p>
          </>
        )}
        <footer>
          <Button onClick={onClose}>Close</Button>
          <Button type="submit" tone="primary" busy={ask.isPending} disabled={read.wrong !== undefined}>
            Explain
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
