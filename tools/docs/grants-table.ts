import { GRANTS, ROLE_NAMES, roleOf, type RoleName } from "@saasaparilla/shared/store-grants/grants.ts";
import { kafkaRights } from "@saasaparilla/shared/store-grants/kafka.ts";
import { redisLine } from "@saasaparilla/shared/store-grants/redis.ts";

const NAMESPACE = "notifications";

/** docs/reference/grants.md: the rights of each service in the stores. */
export function grantsDocument(): string {
  return `# Rights in the stores

\`npx just grants\` writes this page from [shared/store-grants/grants.ts](../../shared/store-grants/grants.ts), and provision makes the roles from the same table. [tests/integration/security/roles.test.ts](../../tests/integration/security/roles.test.ts) and
[tests/integration/security/kafka-roles.test.ts](../../tests/integration/security/kafka-roles.test.ts) connect as each role and try everything else. The reasons are in [decision 26](../internals/decisions/0026-a-role-for-each-service.md).

The names below are for the namespace \`${NAMESPACE}\`. Provision is the owner: it creates schema, tables, topics and roles.

| role | Postgres | Redis: commands for keys | Kafka |
| --- | --- | --- | --- |
${ROLE_NAMES.map(row).join("\n")}

## Turn it on

Give provision a password for each service: \`RECEIVER_PASSWORD\`, \`DIRECTOR_PASSWORD\`, \`DISTRIBUTOR_PASSWORD\`, \`CONSOLE_PASSWORD\`, \`COURIER_PASSWORD\`, \`DISPATCHER_PASSWORD\`, \`RECORDER_PASSWORD\` (or each in a file, \`RECEIVER_PASSWORD_FILE\`).
Without them provision creates no role, and every service uses the user that its \`DATABASE_URL\` and \`REDIS_URL\` name. In Compose, in the local stack and in the chart with all three bundled stores you need not do anything.

1. Give the owner what it needs: in Postgres \`CREATEROLE\` (\`alter role OWNER createrole\`), in Redis 7 or later \`ACL\`.
2. Run provision with the passwords. You can repeat it: it sets the passwords again, and revokes every right that a role should not have. Nothing changes for running services.
3. Change the addresses of each service, one service after the other: \`DATABASE_URL=postgres://${roleOf(NAMESPACE, "receiver")}:PASSWORD@...\`, \`REDIS_URL=redis://${roleOf(NAMESPACE, "receiver")}:PASSWORD@...\`. The recorder needs no \`REDIS_URL\`.
4. Keep the owner's addresses for provision alone.

With compose, \`docker compose up --wait\` of this version does all of it. With the chart, name the Secret of step 3 in \`roles.existingSecret\`; \`helm upgrade\` with bundled stores needs nothing.
In both cases the bundled Kafka restarts and asks for a password. Until the services are replaced too, your publishers are refused (503) and repeat. The stores keep their data.

To go back, give the services the owner's addresses again.

**Redis** forgets users when it restarts. To keep them, set \`aclfile\` in its configuration (provision saves them there), or add these lines with the SHA-256 of the password (\`printf %s PASSWORD | sha256sum\`):

\`\`\`text
${ROLE_NAMES.filter((role) => GRANTS[role].redis.length > 0)
  .map((role) => redisLine(NAMESPACE, role, "SHA256"))
  .join("\n")}
\`\`\`

**Kafka** has its own way to create users. With \`KAFKA_SASL\` the user of a role has the role's name. Provision sets its rights if its own user may (\`Alter\` on the cluster), and logs a warning otherwise. You then set them yourself:

\`\`\`text
${ROLE_NAMES.flatMap((role) => kafkaRights(NAMESPACE, role))
  .map(({ principal, resource, name, operation }) => {
    const pattern = name.endsWith("*") ? `${name.slice(0, -1)} --resource-pattern-type prefixed` : name;
    return `kafka-acls.sh --add --allow-principal ${principal} --operation ${operation} --${resource} ${pattern}`;
  })
  .join("\n")}
\`\`\`
`;
}

function row(role: RoleName): string {
  const { postgres, redis, kafka } = GRANTS[role];
  const tables = Object.entries(postgres).map(([table, verbs]) => `\`${table}\`: ${verbs.join(", ")}`);
  const keys = redis.map(({ keys: prefix, commands }) => `\`${NAMESPACE}:${prefix}*\`: ${commands.join(", ")}`);
  const topics = (["read", "write", "describe"] as const)
    .filter((operation) => kafka[operation].length > 0)
    .map((operation) => `${operation} ${kafka[operation].join(", ")}`);
  const groups = kafka.groups.length > 0 ? [`groups ${kafka.groups.map((group) => `\`${group}\``).join(", ")}`] : [];
  const cell = (parts: string[]): string => parts.join("; ") || "none";
  return `| ${role} | ${cell(tables)} | ${cell(keys)} | ${cell([...topics, ...groups])} |`;
}
