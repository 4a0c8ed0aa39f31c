import { tenantPath } from "#api/client.ts";
import type { Issuer } from "#api/documents.ts";
import { useSession } from "#api/session.ts";
import { many } from "#ui/numbers.ts";
import { Documents } from "./documents.tsx";

export function Issuers({ tenant }: { tenant: string }) {
  const { platform } = useSession();
  return (
    <Documents<Issuer>
      kind="an issuer"
      path={tenantPath(tenant, "issuers")}
      allowed={platform}
      lead={`An issuer signs tokens of this tenant's people. ${platform ? "" : "Only operators of the platform may change it."}`}
      start={{
        issuer: "https://login.example.com/",
        audience: "notifications",
        algorithms: ["RS256"],
        jwksUrl: "https://login.example.com/.well-known/jwks.json",
      }}
      hint="Keys come from exactly one of jwks, jwksUrl and secret. A stored secret is never shown: write it again to keep it."
      empty="Add your identity provider, so that people connect with the tokens that it gives them."
      deleting={({ issuer }) =>
        `All tokens of ${issuer} are refused within a few seconds, and connections that use them close within a minute.`
      }
      columns={[
        { title: "Issuer", cell: ({ issuer }) => issuer },
        { title: "Audience", cell: ({ audience }) => audience },
        { title: "Algorithms", cell: ({ algorithms }) => algorithms.join(", ") },
        {
          title: "Keys",
          cell: ({ jwksUrl, jwks }) => jwksUrl ?? (jwks ? many(jwks.keys.length, "public key") : "a shared secret"),
        },
      ]}
    />
  );
}
