import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import type { Explanation } from "#api/clients.ts";
import { useRead } from "#api/queries.ts";
import { Button } from "#ui/button.tsx";
import { TextField } from "#ui/field.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Panel } from "#ui/page.tsx";

/** Why did this client not get it? */
export function Explain({ tenant, client }: { tenant: string; client: string }) {
  const [text, setText] = useState("");
  const [id, setId] = useState<string>();
  const read = useRead<Explanation>(tenantPath(tenant, "clients", client, "explain"), {
    query: { id: id === "" ? undefined : id },
    when: id !== undefined,
  });
  return (
    <Panel title="Why did it not arrive?">
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          setId(text.trim());
        }}
      >
        <TextField label="Notification id" placeholder="empty: the client in general" value={text} onText={setText} />
        <Button type="submit">Explain</Button>
      </form>
      {id !== undefined && (
        <Loaded of={read} rows={3}>
          {({ sentences, unknown }) => (
            <ul className="sentences" data-testid="explanation">
              {sentences.map((sentence) => (
                <li key={sentence}>{sentence}</li>
              ))}
              {unknown.map((sentence) => (
                <li key={sentence} className="muted">
                  Not known: {sentence}
                </li>
              ))}
            </ul>
          )}
        </Loaded>
      )}
    </Panel>
  );
}
