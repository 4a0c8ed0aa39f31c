import { GRANTS, roleOf, type RoleName } from "./grants.ts";
import { topicsOf } from "#kafka/topic-names.ts";

/** One right, as `kafka-acls` says it. A prefix ends with `*`. */
export interface KafkaRight {
  principal: string;
  resource: "topic" | "group";
  name: string;
  operation: "Read" | "Write" | "Describe";
}

/** Whoever may read or write may describe, too: Kafka says so by itself. */
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

/** Who makes the topics, and gives the others their rights. */
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
