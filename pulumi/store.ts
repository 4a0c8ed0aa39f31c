import type { Input, Output } from "@pulumi/pulumi";

/** Where the services find what the stores are known by: <store>/ca.crt. The chart has it so, too. */
export const FOLDER = "/etc/stores";

/** Who signed a store's certificates: a secret of the cluster's with `ca.crt` and no key, or the certificate itself. */
export type Authority = { secret: string } | { pem: Output<string> };

/** What every backing service gives, wherever it runs: what the services are told, by the names of shared/settings.ts. */
export interface Store {
  readonly name: "kafka" | "postgres" | "redis";
  readonly settings: Record<string, Input<string>>;
  readonly secrets: Record<string, Output<string>>;
  readonly authority: Authority;
}
