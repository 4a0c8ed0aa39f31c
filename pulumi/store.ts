import type { Input, Output } from "@pulumi/pulumi";

/** The folder in which the services find <store>/ca.crt. The chart uses the same path. */
export const FOLDER = "/etc/stores";

/** The signer of a store's certificates: a secret of the cluster with `ca.crt` and no key, or the certificate. */
export type Authority = { secret: string } | { pem: Output<string> };

/** The services' settings for one store, on any target, by the names of shared/settings.ts. */
export interface Store {
  readonly name: "kafka" | "postgres" | "redis";
  readonly settings: Record<string, Input<string>>;
  readonly secrets: Record<string, Output<string>>;
  readonly authority: Authority;
}
