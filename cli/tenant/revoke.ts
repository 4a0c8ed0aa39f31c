import { Argument } from "commander";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { documentId, revokedSubject, tenantName } from "#cli/values.ts";

export const revokeCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("revoke")
      .description("Invalidate everything issued to a subject until now, or with '*' to the whole tenant.")
      .argument("<tenant>", "the tenant", tenantName)
      .argument("<subject>", "the subject, or '*'", revokedSubject),
  )
    .examples("tenant revoke shop u7", "tenant revoke shop '*'")
    .action(async (tenant: string, subject: string, options: ConsoleOptions) => {
      const api = await consoleApi(options);
      printJson(await api.ask("PUT", `/v1/tenants/${tenant}/revocations/${encodeURIComponent(subject)}`, {}));
    });

export const removeCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("remove")
      .description("Remove a key, an issuer, a grant or a revocation of a tenant.")
      .argument("<tenant>", "the tenant", tenantName)
      .addArgument(new Argument("<kind>", "its kind").choices(["key", "issuer", "grant", "revocation"]))
      .argument("<id>", "its id; of a revocation, the subject or '*'"),
  )
    .examples("tenant remove shop key KEY", "tenant remove shop revocation u7")
    .action(async (tenant: string, kind: string, id: string, options: ConsoleOptions, command: CliCommand) => {
      const checked = idOf(kind, id, command);
      const api = await consoleApi(options);
      printJson(await api.ask("DELETE", `/v1/tenants/${tenant}/${kind}s/${encodeURIComponent(checked)}`));
    });

function idOf(kind: string, id: string, command: CliCommand): string {
  try {
    return kind === "revocation" ? revokedSubject(id) : documentId(id);
  } catch (error) {
    return command.error(`${kind} ${JSON.stringify(id)} is invalid. ${(error as Error).message}`);
  }
}
