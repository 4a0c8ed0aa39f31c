import { CliCommand, CliError } from "#cli/command.ts";
import { kafkaOptions, type KafkaOptions } from "#cli/connection/kafka-options.ts";
import { JSON_OPTION, printJson, printTable } from "#cli/output.ts";

export const epochCommand = (): CliCommand =>
  kafkaOptions(
    new CliCommand("epoch")
      .summary("show the current epoch of the accepted topic, and those before it")
      .description(
        "Show the current epoch of the accepted topic, and those before it. Reads Kafka, and Postgres at DATABASE_URL or in the file DATABASE_URL_FILE.",
      )
      .option(...JSON_OPTION),
  )
    .examples("epoch", "epoch --json")
    .action(async ({ json, ...options }: KafkaOptions & { json?: true }) => {
      // Loading the clients of Kafka and Postgres takes longer than running most commands.
      const { partitionsOf, readEpochs } = await import("#cli/connection/epochs.ts");
      const [epochs, present] = await Promise.all([readEpochs(options), partitionsOf(options)]);
      const rows = epochs.map(({ epoch, partitions, created }, index) => [
        String(epoch).padStart(5),
        String(partitions).padStart(10),
        created.toISOString(),
        index === 0 ? "present" : "",
      ]);
      if (json) printJson({ partitions: present, epochs });
      else printTable(["EPOCH", "PARTITIONS", "BEGAN", ""], rows);
      // A different number than the epoch's means a repartition that directors do not know yet.
      if (epochs[0]?.partitions !== present)
        throw new CliError(
          `The accepted topic has ${present} partitions, and no epoch has this number yet: directors wait. Run the provision service, and see docs/operations/epochs.md.`,
        );
    });
