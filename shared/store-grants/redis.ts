import { GRANTS, roleOf, type RoleName } from "./grants.ts";

/** Commands without a key: for login, readiness, the node of a key, and the time in scripts. */
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
 * The rules after the name in ACL SETUSER, and in a `user` line of Redis' configuration. `sha256`: of its password, in
 * hex.
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
