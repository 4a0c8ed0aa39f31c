import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { TextField } from "#ui/field.tsx";

/** Stores are searched by client, so the client of a notification that nobody followed must be named. */
export function Hint({ tenant, id, hint = "" }: { tenant: string; id: string; hint?: string | undefined }) {
  const [client, setClient] = useState(hint);
  const navigate = useNavigate();
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        void navigate({ to: pathOf(tenant, `notifications/${id}`), search: { client: client.trim() } });
      }}
    >
      <TextField label="Its client" placeholder="u1" value={client} onText={setClient} required />
      <Button type="submit">Search the stores</Button>
    </form>
  );
}
