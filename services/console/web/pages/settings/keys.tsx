import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Key, Listed, MadeKey } from "#api/documents.ts";
import { useRead, useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Confirm } from "#ui/confirm.tsx";
import { Copy } from "#ui/copy.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Empty } from "#ui/empty.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Status } from "#ui/status.tsx";
import { Table } from "#ui/table.tsx";
import { Time } from "#ui/time.tsx";
import { NewKey } from "./new-key.tsx";

/** API keys: the secret is shown once, when a key is made. */
export function Keys({ tenant }: { tenant: string }) {
  const path = tenantPath(tenant, "keys");
  const keys = useRead<Listed<Key>>(path);
  const may = useMay("operate");
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<MadeKey>();
  const add = (
    <Button tone="primary" disabled={!may} onClick={() => setAdding(true)}>
      Make a key
    </Button>
  );
  return (
    <>
      <div className="spread">
        <p className="muted">A server uses a key in place of a token. The platform stores only its hash.</p>
        {(keys.data?.items.length ?? 0) > 0 && add}
      </div>
      <Loaded of={keys}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="This tenant has no API key" action={add}>
              Make a key with the scope publish, and give it to the server that sends notifications.
            </Empty>
          ) : (
            <Table
              caption="API keys"
              keyOf={({ id }) => id}
              rows={items}
              columns={[
                {
                  title: "Name",
                  cell: ({ name, id }) => (
                    <>
                      {name}
                      <br />
                      <code className="muted">{id}</code>
                    </>
                  ),
                },
                { title: "Scopes", cell: ({ scopes }) => scopes.join(", ") },
                { title: "Clients", cell: ({ clients }) => clients.join(", ") || "none" },
                { title: "Targets", cell: ({ targets }) => targets?.join(", ") ?? "none" },
                { title: "Made", cell: ({ created }) => <Time at={created} /> },
                { title: "Valid", cell: (key) => <Validity of={key} /> },
                {
                  title: "Actions",
                  end: true,
                  cell: (key) => <Actions path={path} of={key} may={may} onMade={setMade} />,
                },
              ]}
            />
          )
        }
      </Loaded>
      {adding && (
        <NewKey
          path={path}
          onClose={() => setAdding(false)}
          onMade={(key) => {
            setAdding(false);
            setMade(key);
          }}
        />
      )}
      {made && <Shown of={made} onClose={() => setMade(undefined)} />}
    </>
  );
}

function Validity({ of: { expires } }: { of: Key }) {
  if (expires === null) return <Status tone="good">until deleted</Status>;
  const left = expires * 1_000 - Date.now();
  if (left <= 0) return <Status tone="bad">expired</Status>;
  return (
    <span className="row">
      <Status tone={left < 7 * 86_400_000 ? "warn" : "good"}>ends</Status>
      <Time at={expires} />
    </span>
  );
}

function Actions({
  path,
  of: { id, name },
  may,
  onMade,
}: {
  path: string;
  of: Key;
  may: boolean;
  onMade: (key: MadeKey) => void;
}) {
  const write = useWrite<MadeKey>(path);
  const one = `${path}/${encodeURIComponent(id)}`;
  return (
    <span className="actions">
      <Confirm
        label="Rotate"
        tone="primary"
        title={`Rotate the key ${name}?`}
        disabled={!may}
        run={async () => onMade(await write.mutateAsync({ method: "POST", path: `${one}/rotate`, body: {} }))}
      >
        <p>
          You get a new key with the same rights. The old one stays valid for one more day, so that you can change your
          servers without a pause.
        </p>
      </Confirm>
      <Confirm
        label="Delete"
        title={`Delete the key ${name}?`}
        disabled={!may}
        run={() => write.mutateAsync({ method: "DELETE", path: one })}
      >
        <p>Every server that uses this one key is refused within a few seconds. This cannot be undone.</p>
      </Confirm>
    </span>
  );
}

function Shown({ of: { key, name }, onClose }: { of: MadeKey; onClose: () => void }) {
  return (
    <Dialog title={`The key ${name}`} onClose={onClose}>
      <p>
        Copy it now. <b>It is never shown again.</b>
      </p>
      <div className="secret">
        <code data-testid="key">{key}</code>
        <Copy text={key} />
      </div>
      <footer>
        <Button tone="primary" onClick={onClose}>
          I have stored it
        </Button>
      </footer>
    </Dialog>
  );
}
