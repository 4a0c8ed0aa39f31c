import type { CliCommand } from "#cli/command.ts";
import { documentCommand } from "#cli/dispatch/documents.ts";

export const queueCommand = (): CliCommand => documentCommand("queue", "how the messages of a queue are claimed");
