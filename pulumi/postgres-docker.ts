import type { ComponentResource, Output, Resource } from "@pulumi/pulumi";
import { runServer } from "./container.ts";
import type { DockerPlace } from "./place.ts";
import type { Authority } from "./store.ts";

const FOLDER = "/etc/saasaparilla";
const NAME = "stores-postgres";
const UID = 999;

/** Every connection over the network uses TLS, and every connection needs a password. */
const ACCESS = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n";

/** One server. Its volume survives every failure that a second server on the same machine would survive. */
export function postgresOnDocker(
  { settings, machine, authority }: DockerPlace,
  secret: Output<string>,
  parent: ComponentResource,
): { server: Resource; host: string; authority: Authority } {
  const { certificate, key } = authority.certify(NAME, [NAME]);
  const options: Record<string, string> = {
    hba_file: `${FOLDER}/access.conf`,
    ssl: "on",
    ssl_cert_file: `${FOLDER}/postgres.crt`,
    ssl_key_file: `${FOLDER}/postgres.key`,
    max_connections: String(settings.postgresConnections),
    shared_buffers: `${Math.floor(settings.postgres.memoryMib / 4)}MB`,
  };
  const server = runServer(
    NAME,
    {
      machine,
      image: settings.postgresImage,
      uid: UID,
      size: settings.postgres,
      environment: {
        POSTGRES_USER: settings.namespace,
        POSTGRES_DB: settings.namespace,
        POSTGRES_PASSWORD_FILE: `${FOLDER}/password`,
      },
      command: ["postgres", ...Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      files: {
        [`${FOLDER}/access.conf`]: ACCESS,
        [`${FOLDER}/password`]: secret,
        [`${FOLDER}/postgres.crt`]: certificate,
        [`${FOLDER}/postgres.key`]: key,
      },
      data: "/var/lib/postgresql",
      healthy: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", settings.namespace],
      stopSeconds: 60,
      alone: true,
    },
    parent,
  );
  return { server, host: NAME, authority: { pem: authority.pem } };
}
