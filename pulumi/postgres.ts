import { ComponentResource, interpolate, type Input, type Output, type Resource } from "@pulumi/pulumi";
import type { Place } from "./place.ts";
import { postgresOnDocker } from "./postgres-docker.ts";
import { postgresOnKubernetes } from "./postgres-kubernetes.ts";
import { password } from "./secrets.ts";
import { FOLDER, type Authority, type Store } from "./store.ts";

/** One database with one owner. The platform's tables are in the schema with the name of its namespace. */
export class Postgres extends ComponentResource implements Store {
  readonly name = "postgres";
  readonly settings: Record<string, Input<string>> = {};
  readonly secrets: Record<string, Output<string>>;
  readonly authority: Authority;
  readonly servers: Resource[];

  constructor(place: Place) {
    super("saasaparilla:Postgres", "postgres", {}, { parent: place });
    const secret = password("postgres", this);
    const { server, host, authority } =
      place.target === "docker" ? postgresOnDocker(place, secret, this) : postgresOnKubernetes(place, secret, this);
    this.servers = [server];
    const name = place.settings.namespace;
    const tls = `sslmode=verify-full&sslrootcert=${FOLDER}/postgres/ca.crt`;
    this.secrets = { DATABASE_URL: interpolate`postgresql://${name}:${secret}@${host}:5432/${name}?${tls}` };
    this.authority = authority;
    this.registerOutputs({});
  }
}
