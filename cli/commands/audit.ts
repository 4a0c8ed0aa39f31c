import { CliCommand } from "#cli/command.ts";
import { kafkaOptions, type KafkaOptions } from "#cli/connection/kafka-options.ts";
import { print } from "#cli/output.ts";
import { limitOf } from "#cli/values.ts";
import { printableJson } from "@saasaparilla/shared/runtime/printable.ts";

interface Options extends KafkaOptions {
  refused?: true;
  json?: true;
  tenant?: string;
  subject?: string;
  limit: number;
}

export const auditCommand = (): CliCommand =>
  kafkaOptions(
    new CliCommand("audit")
      .summary("print the audit log: each request that needed a token")
      .description("Print the end of the audit log, of all services, in the order of time. Reads Kafka.")
      .option("--refused", "only refused requests")
      // Any text is valid, because a refused caller can have claimed any name.
      .option("--tenant <name>", "only this tenant")
      .option("--subject <name>", "only this subject")
      .option("--limit <n>", "the number of entries to print, from the end", limitOf(999_999), 50)
      .option("--json", "print a line of JSON for each entry"),
  )
    .examples("audit --refused --tenant shop", "audit --subject checkout --limit 500 --json")
    .action(async ({ refused, json, tenant, subject, limit, ...options }: Options) => {
      // Loading the Kafka client takes longer than running most commands.
      const { latestEntries, line } = await import("#cli/connection/audit-log.ts");
      const wanted = (await latestEntries(options)).filter(
        (entry) =>
          (!refused || entry.allowed === false) &&
          (tenant === undefined || entry.tenant === tenant) &&
          (subject === undefined || entry.subject === subject),
      );
      for (const entry of wanted.slice(-limit)) print(json ? printableJson(entry) : line(entry));
      if (wanted.length === 0 && !json) print("The audit log has no such entry.");
    });
