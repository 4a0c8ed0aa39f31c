import { useState } from "react";
import type { MadeKey } from "#api/documents.ts";
import { useWrite } from "#api/queries.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Field, TextField } from "#ui/field.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { Choices } from "./choices.tsx";
import { listOf } from "./lists.ts";

const SCOPES = {
  publish: "send notifications",
  consume: "read and confirm queues",
  read: "see access and support data",
  operate: "change access",
};
const VALID = {
  "": "until it is deleted",
  "86400": "1 day",
  "2592000": "30 days",
  "7776000": "90 days",
  "31536000": "1 year",
};

export function NewKey({
  path,
  onClose,
  onMade,
}: {
  path: string;
  onClose: () => void;
  onMade: (key: MadeKey) => void;
}) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState(["publish"]);
  const [clients, setClients] = useState("*");
  const [targets, setTargets] = useState("");
  const [expiresIn, setExpiresIn] = useState("7776000");
  const make = useWrite<MadeKey>(path);
  const submit = async (): Promise<void> => {
    const given = listOf(targets);
    const body = {
      name,
      scopes,
      clients: listOf(clients),
      ...(given.length > 0 && { targets: given }),
      ...(expiresIn !== "" && { expiresIn: Number(expiresIn) }),
    };
    onMade(await make.mutateAsync({ method: "POST", path, body }));
  };
  return (
    <Dialog title="Make an API key" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          void submit().catch(() => undefined);
        }}
      >
        <TextField label="Name" hint="The server that will use it." value={name} onText={setName} autoFocus required />
        <Choices legend="It may" choices={SCOPES} chosen={scopes} onChosen={setScopes} />
        <TextField
          label="Clients"
          hint="Names or beginnings with *, with commas between. Empty: no client."
          value={clients}
          onText={setClients}
        />
        <TextField
          label="Queues, groups and exchanges"
          hint="For example queue/changes, group/*."
          value={targets}
          onText={setTargets}
        />
        <Field label="Valid for">
          {(named) => (
            <select {...named} value={expiresIn} onChange={({ target }) => setExpiresIn(target.value)}>
              {Object.entries(VALID).map(([seconds, text]) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
          )}
        </Field>
        {make.error && <ProblemView error={make.error} />}
        <footer>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" tone="primary" busy={make.isPending} disabled={name === "" || scopes.length === 0}>
            Make the key
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
