import { tenantPath } from "#api/client.ts";
import type { Grant } from "#api/documents.ts";
import { Documents } from "./documents.tsx";

export function Grants({ tenant }: { tenant: string }) {
  return (
    <Documents<Grant>
      kind="a grant"
      path={tenantPath(tenant, "grants")}
      lead="A grant gives a role to the subjects of tokens, for some clients and targets."
      start={{ role: "subscriber", subjects: ["*"], clients: ["*"] }}
      hint="Roles: publisher, subscriber, operator, auditor, consumer. Subjects and clients: names, or beginnings with *."
      empty="Add a grant for the role subscriber, so that the people of this tenant may connect."
      deleting={({ role, subjects }) =>
        `Tokens of ${subjects.join(", ")} lose the role ${role} within a few seconds, and their connections close within a minute.`
      }
      columns={[
        { title: "Role", cell: ({ role }) => role },
        { title: "Subjects", cell: ({ subjects }) => subjects.join(", ") },
        { title: "Clients", cell: ({ clients }) => clients.join(", ") || "none" },
        { title: "Targets", cell: ({ targets }) => targets?.join(", ") ?? "none" },
      ]}
    />
  );
}
