import { CliCommand } from "./command.ts";
import { auditCommand } from "./commands/audit.ts";
import { clientCommand } from "./commands/client.ts";
import { deadLettersCommand } from "./commands/dead-letters.ts";
import { epochCommand } from "./commands/epoch.ts";
import { exchangeCommand } from "./commands/exchange.ts";
import { explainAccessCommand } from "./commands/explain-access.ts";
import { groupCommand } from "./commands/group.ts";
import { inboxCommand } from "./commands/inbox.ts";
import { publicationCommand } from "./commands/publication.ts";
import { quarantineCommand } from "./commands/quarantine.ts";
import { queueCommand } from "./commands/queue.ts";
import { scheduleCommand } from "./commands/schedule.ts";
import { subscribeCommand } from "./commands/subscribe.ts";
import { refusalCommand } from "./commands/refusal.ts";
import { tenantCommand } from "./commands/tenant.ts";
import { tokenCommand } from "./commands/token.ts";
import { watchesCommand } from "./commands/watches.ts";
import { whereCommand } from "./commands/where.ts";

/** All commands of the operators. `name` is what a user types: `notifications` in the image, `npx just` in a checkout. */
export function createProgram(name: string): CliCommand {
  return new CliCommand(name)
    .description("Operate a notification platform.")
    .addCommand(tokenCommand())
    .addCommand(subscribeCommand())
    .addCommand(tenantCommand())
    .addCommand(whereCommand())
    .addCommand(refusalCommand())
    .addCommand(clientCommand())
    .addCommand(watchesCommand())
    .addCommand(inboxCommand())
    .addCommand(groupCommand())
    .addCommand(publicationCommand())
    .addCommand(exchangeCommand())
    .addCommand(queueCommand())
    .addCommand(quarantineCommand())
    .addCommand(scheduleCommand())
    .addCommand(explainAccessCommand())
    .addCommand(auditCommand())
    .addCommand(deadLettersCommand())
    .addCommand(epochCommand())
    .addHelpText("after", "\nExit codes: 0 done, 1 failed, 2 wrong use. explain-access has its own: see its help.")
    .examples("tenant list", "token --client u1", "dead-letters list --json");
}
