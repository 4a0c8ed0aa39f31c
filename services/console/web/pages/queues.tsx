import { getRouteApi } from "@tanstack/react-router";
import { tenantPath } from "#api/client.ts";
import type { Queue } from "#api/documents.ts";
import { Page } from "#ui/page.tsx";
import { duration } from "#ui/time.tsx";
import { Documents } from "./settings/documents.tsx";

const route = getRouteApi("/t/$tenant/queues");

export function Queues() {
  const { tenant } = route.useParams();
  return (
    <Page
      title="Queues"
      lead="A queue keeps messages for workers, in order, until one confirms them. Every queue exists as soon as you publish to it."
    >
      <Documents<Queue>
        kind="a queue"
        path={tenantPath(tenant, "queues")}
        lead="A document changes how messages of a queue are claimed."
        start={{ maxAttempts: 5, claimSeconds: 30 }}
        hint="maxAttempts: claims after which a message moves to the quarantine; without it, never. claimSeconds: how long a worker has a message."
        empty="No queue has a document, so all use the defaults. Add one to change how often a message is tried."
        deleting={() => "The queue uses the defaults again. Its messages stay."}
        columns={[
          {
            title: "Attempts",
            cell: ({ maxAttempts }) => (maxAttempts === undefined ? "without end" : `${maxAttempts}, then quarantine`),
          },
          { title: "Claim", cell: ({ claimSeconds }) => duration(claimSeconds * 1_000) },
        ]}
      />
    </Page>
  );
}
