import { kafkaSettings } from "@saasaparilla/shared/kafka/settings.ts";
import { KafkaLink } from "@saasaparilla/shared/kafka/client.ts";
import { topicsOf, type Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import { Failure, messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { readSettings } from "@saasaparilla/shared/runtime/load-settings.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { withTimeout } from "@saasaparilla/shared/runtime/timeout.ts";
import { commonSettings } from "@saasaparilla/shared/settings.ts";
import type { z } from "zod";
import { CliError } from "#cli/command.ts";
import type { KafkaOptions } from "./kafka-options.ts";

const TIMEOUT_MS = 10_000;

/** Reads the settings from the same variables as a service. */
export function settingsOf<S extends z.ZodObject>(schema: S, options: KafkaOptions): z.output<S> {
  const { kafkaBrokers, namespace } = options;
  try {
    return readSettings(schema, {
      ...process.env,
      ...(kafkaBrokers !== undefined && { KAFKA_BROKERS: kafkaBrokers }),
      ...(namespace !== undefined && { NAMESPACE: namespace }),
    });
  } catch (error) {
    throw error instanceof Failure ? new CliError(error.message, { cause: error }) : error;
  }
}

export const { NAMESPACE } = commonSettings.shape;
const settings = kafkaSettings.extend({ NAMESPACE });

/** Asks Kafka for a bounded time, because the client itself retries without end. */
export async function askKafka<T>(
  options: KafkaOptions,
  ask: (link: KafkaLink, topics: Topics) => Promise<T>,
): Promise<T> {
  const address = settingsOf(settings, options);
  const health = new Health(["kafka"]);
  const link = new KafkaLink(address, "cli", createLog("cli", "fatal"), health);
  const answer = await withTimeout(
    TIMEOUT_MS,
    ask(link, topicsOf(address.NAMESPACE)).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    ),
  );
  if (answer !== undefined && "value" in answer) return answer.value;
  const why = answer === undefined ? (health.ready().missing.kafka ?? "it was too slow") : messageOf(answer.error);
  throw new CliError(
    `Kafka at ${address.KAFKA_BROKERS.join(",")} did not answer: ${why}. Start it, or pass --kafka-brokers.`,
  );
}
