import { GRANTS, roleOf, type RoleName } from "./grants.ts";

/**
 * Needed to log in, to check readiness, to find the node of a key, and to give scripts the time. These commands have no
 * key.
 */
const CONNECTION = [
  "auth",
  "hello",
  "ping",
  "info",
  "select",
  "client|setname",
  "readonly",
  "asking",
  "cluster|slots",
  "cluster|shards",
  "cluster|info",
  "time",
];

/**
 * The rules after the name in ACL SETUSER, and in a line `user` of Redis' configuration. `sha256`: of its password, in
 * hexadecimal.
 */
export function redisRules(namespace: string, role: RoleName, sha256: string): string[] {
  return [
    "reset",
    "on",
    `#${sha256}`,
    ...CONNECTION.map((command) => `+${command}`),
    ...GRANTS[role].redis.map(
      ({ keys, commands }) => `(~${namespace}:${keys}* ${commands.map((command) => `+${command}`).join(" ")})`,
    ),
  ];
}

/** A line of its configuration. */
export function redisLine(namespace: string, role: RoleName, sha256: string): string {
  return ["user", roleOf(namespace, role), ...redisRules(namespace, role, sha256)].join(" ");
}
