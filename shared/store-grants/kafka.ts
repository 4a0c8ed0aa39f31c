import { GRANTS, roleOf, type RoleName } from "./grants.ts";
import { topicsOf } from "#kafka/topic-names.ts";

/** One right, in the words of `kafka-acls`. A prefix ends with `*`. */
export interface KafkaRight {
  principal: string;
  resource: "topic" | "group";
  name: string;
  operation: "Read" | "Write" | "Describe";
}

/** A right to read or write includes the right to describe: Kafka implies it. */
export function kafkaRights(namespace: string, role: RoleName): KafkaRight[] {
  const names = topicsOf(namespace);
  const { read, write, describe, groups } = GRANTS[role].kafka;
  const principal = `User:${roleOf(namespace, role)}`;
  const topics = (operation: KafkaRight["operation"], of: readonly (keyof typeof names)[]): KafkaRight[] =>
    of.map((topic) => ({ principal, resource: "topic", name: names[topic], operation }));
  return [
    ...topics("Read", read),
    ...topics("Write", write),
    ...topics("Describe", describe),
    ...groups.map(
      (group) => ({ principal, resource: "group", name: `${namespace}.${group}`, operation: "Read" }) as const,
    ),
  ];
}

/** The user that creates the topics and grants rights. */
export const KAFKA_OWNER = "admin";

/** Users of SASL/PLAIN, as a broker's login configuration (java.security.auth.login.config) names them. */
export function jaas(namespace: string, owner: string, passwords: ReadonlyMap<RoleName, string>): string {
  const users = [
    `username="${KAFKA_OWNER}" password="${owner}"`,
    `user_${KAFKA_OWNER}="${owner}"`,
    ...Array.from(passwords, ([role, password]) => `user_${roleOf(namespace, role)}="${password}"`),
  ];
  const module = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  return `KafkaServer {\n  ${[module, ...users].join("\n    ")};\n};\n`;
}
