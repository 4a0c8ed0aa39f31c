import { tenantPath } from "#api/client.ts";
import type { Revocation } from "#api/documents.ts";
import { Time } from "#ui/time.tsx";
import { Documents } from "./documents.tsx";

export function Revocations({ tenant }: { tenant: string }) {
  return (
    <Documents<Revocation>
      kind="a revocation"
      path={tenantPath(tenant, "revocations")}
      lead="A revocation refuses everything that was issued to a subject until a time. The id is the subject, or * for the whole tenant."
      start={{}}
      hint="{} revokes everything until now. before: seconds since 1970."
      empty="Add one if a token was stolen. Connections that use it close within a minute."
      deleting={({ id }) => `Older tokens of ${id} are good again until they expire.`}
      columns={[{ title: "Issued before", cell: ({ before }) => <Time at={before} exact /> }]}
    />
  );
}
