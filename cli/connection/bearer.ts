import type { CliCommand } from "#cli/command.ts";
import { clientId, subjectName, ttl } from "#cli/values.ts";
import type { Bearer } from "./sign-token.ts";
import { tenantOption } from "./options.ts";

export interface WhoOptions {
  client?: string;
  /** True if the option has no name. */
  publisher?: string | true;
  operator?: string | true;
  consumer?: string | true;
  tenant: string;
  ttl?: number;
}

export function whoOptions<C extends CliCommand>(command: C): C {
  return command
    .option("--client <id>", "for this client: it may subscribe as itself", clientId)
    .option("--publisher [name]", "for a publisher", subjectName)
    .option("--consumer [name]", "for a reader of queues; a grant of its tenant names the queues", subjectName)
    .option("--operator [name]", "for an operator of the platform, or with --tenant of one tenant", subjectName)
    .addOption(tenantOption())
    .option("--ttl <duration>", "how long it is valid: 30s, 15m, 1h or 7d; an hour by default", ttl);
}

/** The bearer that the options name. A tenant counts only if it is given, because an operator has none. */
export function bearerOf(
  { client, publisher, consumer, operator, tenant, ttl }: WhoOptions,
  command: CliCommand,
): Bearer {
  if ([client, publisher, consumer, operator].filter((name) => name !== undefined).length !== 1)
    return command.error(
      "A token is for either a client, a publisher, a consumer or an operator. Pass one of --client, --publisher, --consumer and --operator.",
    );
  const rest = {
    ...(command.getOptionValueSource("tenant") === "cli" && { tenant }),
    ...(ttl !== undefined && { ttl }),
  };
  if (client !== undefined) return { client, ...rest };
  if (consumer !== undefined) return { consumer: consumer === true ? "consumer" : consumer, ...rest };
  if (publisher !== undefined) return { publisher: publisher === true ? "publisher" : publisher, ...rest };
  return { operator: operator === undefined || operator === true ? "operator" : operator, ...rest };
}
