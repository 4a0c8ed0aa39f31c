import type { ComponentResource, Output, Resource } from "@pulumi/pulumi";
import { runOnce, runServer } from "./container.ts";
import type { DockerPlace } from "./place.ts";
import { SHARDS } from "./shards.ts";
import type { Authority } from "./store.ts";

const FOLDER = "/etc/saasaparilla";
const UID = 999;
/** Last part of the first node's address. */
const FIRST = 11;

const nameOf = (node: number): string => `stores-redis-${node}`;
const nodes = Array.from({ length: SHARDS }, (_, index) => index + 1);

/** Nodes know each other by address. They tell clients their names, because their certificates have names. */
export function redisOnDocker(
  { settings, machine, authority }: DockerPlace,
  secret: Output<string>,
  parent: ComponentResource,
): { servers: Resource[]; hosts: string[]; authority: Authority } {
  const addressOf = (node: number): string => machine.address(FIRST + node - 1);
  const servers = nodes.map((node) => {
    const name = nameOf(node);
    const { certificate, key } = authority.certify(name, [name]);
    return runServer(
      name,
      {
        machine,
        address: addressOf(node),
        image: settings.redisImage,
        uid: UID,
        size: settings.redis,
        environment: {},
        command: ["redis-server", `${FOLDER}/redis.conf`],
        files: {
          [`${FOLDER}/redis.conf`]: secret.apply((word) => configuration(name, word, settings.redis.memoryMib)),
          [`${FOLDER}/password`]: secret,
          [`${FOLDER}/authority.crt`]: authority.pem,
          [`${FOLDER}/redis.crt`]: certificate,
          [`${FOLDER}/redis.key`]: key,
        },
        data: "/data",
        healthy: ["CMD-SHELL", `${asking(name)} ping | grep -q PONG`],
        stopSeconds: 30,
        alone: true,
      },
      parent,
    );
  });
  const joined = runOnce(
    "stores-redis-join",
    {
      machine,
      image: settings.redisImage,
      uid: UID,
      size: { cpu: 0.5, memoryMib: 64 },
      environment: {},
      command: ["sh", "-euc", joining(nodes.map(addressOf))],
      files: { [`${FOLDER}/password`]: secret, [`${FOLDER}/authority.crt`]: authority.pem },
    },
    parent,
    servers,
  );
  return { servers: [...servers, joined], hosts: nodes.map(nameOf), authority: { pem: authority.pem } };
}

const asking = (host: string): string =>
  `redis-cli --no-auth-warning -a "$(cat ${FOLDER}/password)" --tls --cacert ${FOLDER}/authority.crt -h ${host}`;

/** Does nothing if the cluster exists. Insecure, because it joins nodes by address, and certificates have names only. */
function joining(addresses: string[]): string {
  const first = asking(nameOf(1));
  return [
    `if ${first} cluster info | grep -q cluster_state:ok; then exit 0; fi`,
    `${first} --insecure --cluster create ${addresses.map((one) => `${one}:6379`).join(" ")} --cluster-yes`,
    `until ${first} cluster info | grep -q cluster_state:ok; do sleep 1; done`,
  ].join("\n");
}

function configuration(name: string, word: string, memoryMib: number): string {
  const lines = [
    "port 0",
    "tls-port 6379",
    `tls-ca-cert-file ${FOLDER}/authority.crt`,
    `tls-cert-file ${FOLDER}/redis.crt`,
    `tls-key-file ${FOLDER}/redis.key`,
    "tls-auth-clients optional",
    "tls-replication yes",
    "tls-cluster yes",
    "cluster-enabled yes",
    "cluster-config-file /data/nodes.conf",
    "cluster-node-timeout 5000",
    `cluster-announce-hostname ${name}`,
    "cluster-preferred-endpoint-type hostname",
    // While one node is away, only the clients whose entries it has are affected.
    "cluster-require-full-coverage no",
    `requirepass ${word}`,
    `masterauth ${word}`,
    "dir /data",
    "appendonly yes",
    // The rest is for connections, and for the copy during a rewrite of the log.
    `maxmemory ${Math.floor(memoryMib / 2)}mb`,
    // A full Redis refuses writes: with eviction, connected clients would no longer be found.
    "maxmemory-policy noeviction",
  ];
  return `${lines.join("\n")}\n`;
}
