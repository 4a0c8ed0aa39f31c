import { createHmac, hash, pbkdf2Sync, randomBytes } from "node:crypto";
import { GRANTS, roleOf, type RoleName } from "./grants.ts";

/**
 * Revokes the rights that Postgres gives every role: a service needs none of them. Only one process at a time creates
 * the roles of a server.
 */
export function databaseStatements(database: string): string[] {
  return [`revoke temporary, create on database ${quoted(database)} from public`];
}

/** Idempotent. It revokes grants of an earlier version that this one does not have. */
export function postgresStatements(namespace: string, role: RoleName, password: string): string[] {
  const [name, schema] = [quoted(roleOf(namespace, role)), quoted(namespace)];
  return [
    `alter role ${name} login nosuperuser nocreatedb nocreaterole noinherit connection limit -1 password '${verifier(password)}'`,
    `revoke all on all tables in schema ${schema} from ${name}`,
    `revoke all on schema ${schema} from ${name}`,
    `grant usage on schema ${schema} to ${name}`,
    ...Object.entries(GRANTS[role].postgres).map(
      ([table, verbs]) => `grant ${verbs.join(", ")} on ${schema}.${quoted(table)} to ${name}`,
    ),
  ];
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const ROUNDS = 4_096;

/** The stored form of a password in Postgres (RFC 5803), so that its log never shows the password itself. */
function verifier(password: string, salt = randomBytes(16)): string {
  const salted = pbkdf2Sync(password, salt, ROUNDS, 32, "sha256");
  const hmac = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
  const stored = hash("sha256", hmac(salted, "Client Key"), "base64");
  return `SCRAM-SHA-256$${ROUNDS}:${salt.toString("base64")}$${stored}:${hmac(salted, "Server Key").toString("base64")}`;
}
