import { CliCommand } from "#cli/command.ts";
import { addCommand } from "#cli/tenant/add.ts";
import { deleteCommand } from "#cli/tenant/delete.ts";
import { grantCommand } from "#cli/tenant/grant.ts";
import { inboxCommand } from "#cli/tenant/inbox.ts";
import { issuerCommand } from "#cli/tenant/issuer.ts";
import { keyCommand, rotateCommand } from "#cli/tenant/key.ts";
import { limitsCommand } from "#cli/tenant/limits.ts";
import { listCommand } from "#cli/tenant/list.ts";
import { originsCommand } from "#cli/tenant/origins.ts";
import { removeCommand, revokeCommand } from "#cli/tenant/revoke.ts";
import { showCommand } from "#cli/tenant/show.ts";
import { resumeCommand, suspendCommand } from "#cli/tenant/state.ts";
import { usageCommand } from "#cli/tenant/usage.ts";

export const tenantCommand = (): CliCommand => {
  const tenant = new CliCommand("tenant")
    .summary("manage tenants: keys, issuers, grants, limits, origins, inboxes, usage")
    .description("Manage tenants. Without a command, lists them.")
    .examples("tenant list", "tenant add shop --trust scopes", "tenant key shop --name checkout --scopes publish");
  for (const command of [
    listCommand(),
    usageCommand(),
    showCommand(),
    addCommand(),
    suspendCommand(),
    resumeCommand(),
    originsCommand(),
    limitsCommand(),
    inboxCommand(),
    keyCommand(),
    rotateCommand(),
    issuerCommand(),
    grantCommand(),
    revokeCommand(),
    removeCommand(),
    deleteCommand(),
  ])
    tenant.addCommand(command);
  return tenant;
};
