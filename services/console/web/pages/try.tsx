import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useMay } from "#api/session.ts";
import { pathOf } from "#shell/pages.ts";
import { Button } from "#ui/button.tsx";
import { TextField } from "#ui/field.tsx";
import { Page } from "#ui/page.tsx";
import { Pane } from "./try/pane.tsx";
import { PublishForm } from "./try/publish-form.tsx";

const route = getRouteApi("/t/$tenant/try");
const TRANSPORTS = { websocket: "WebSocket", sse: "SSE", poll: "Long poll" };

/** Publish, and watch it arrive over three transports. */
export function Try() {
  const { tenant } = route.useParams();
  const { client = "u1" } = route.useSearch();
  const navigate = route.useNavigate();
  const may = useMay("operate");
  const [name, setName] = useState(client);
  const [listening, setListening] = useState(true);
  return (
    <Page
      title="Try it"
      lead="Publish a notification, and watch it arrive over three transports. These are real: the console connects to a distributor as this client."
      actions={
        <Link className="button" to={pathOf(tenant, `clients/${encodeURIComponent(client)}`)}>
          Open the client {client}
        </Link>
      }
    >
      {!may && <p className="muted">You need the scope operate to send and receive tests.</p>}
      <PublishForm key={client} tenant={tenant} client={client} disabled={!may} />
      <form
        className="filters"
        onSubmit={(event) => {
          event.preventDefault();
          void navigate({ to: ".", search: { client: name.trim() } });
        }}
      >
        <TextField label="The client that listens" value={name} onText={setName} required />
        <Button type="submit">Listen as it</Button>
        <Button onClick={() => setListening(!listening)}>{listening ? "Stop listening" : "Listen again"}</Button>
      </form>
      <div className="panels">
        {Object.entries(TRANSPORTS).map(([transport, title]) => (
          <Pane
            key={`${tenant} ${client} ${transport}`}
            tenant={tenant}
            client={client}
            transport={transport}
            title={title}
            listening={listening && may}
          />
        ))}
      </div>
      <p className="muted small">
        The first acknowledgement of any connection settles a notification. So all three panes get what comes while they
        are live, and only one of them gets what was stored before.
      </p>
    </Page>
  );
}
