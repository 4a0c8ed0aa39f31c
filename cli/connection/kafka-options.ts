import { Option } from "commander";
import type { CliCommand } from "#cli/command.ts";

export interface KafkaOptions {
  kafkaBrokers?: string;
  namespace?: string;
}

export function kafkaOptions<C extends CliCommand>(command: C): C {
  const group = "Connection:";
  return command
    .addOption(
      new Option(
        "--kafka-brokers <list>",
        "some brokers, as host:port,host:port; the services' other KAFKA_ variables apply, too",
      )
        .env("KAFKA_BROKERS")
        .helpGroup(group),
    )
    .addOption(new Option("--namespace <name>", "the platform's namespace").env("NAMESPACE").helpGroup(group));
}
