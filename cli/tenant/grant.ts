import { Option } from "commander";
import { ROLES } from "@saasaparilla/shared/auth/policies/schema.ts";
import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { clientPatterns, documentId, grantSubjects, targetPatterns, tenantName } from "#cli/values.ts";
import { given } from "./documents.ts";

interface Options extends ConsoleOptions {
  role: string;
  subjects: string[];
  clients?: string[];
  targets?: string[];
}

export const grantCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("grant")
      .description("Give subjects of a tenant a role, or replace such a grant.")
      .argument("<tenant>", "the tenant", tenantName)
      .argument("<id>", "a name for the grant: 1 to 64 letters, digits, - and _", documentId)
      .addOption(
        new Option("--role <role>", "the role of the subjects").choices(Object.keys(ROLES)).makeOptionMandatory(),
      )
      .requiredOption("--subjects <list>", "the subjects of tokens that get the role: u1,shop-*", grantSubjects)
      .option(
        "--clients <list>",
        "the clients that they may publish to, or be: u1,shop-*; all by default",
        clientPatterns,
      )
      .option(
        "--targets <list>",
        "the queues, groups and exchanges that they may name: queue/changes,group/*; none by default",
        targetPatterns,
      ),
  )
    .examples(
      "tenant grant shop apps --role subscriber --subjects 'u*'",
      "tenant grant shop feed --role consumer --subjects feed --targets queue/changes",
    )
    .action(async (tenant: string, id: string, { role, subjects, clients, targets, ...options }: Options) => {
      const api = await consoleApi(options);
      printJson(
        await api.ask("PUT", `/v1/tenants/${tenant}/grants/${id}`, given({ role, subjects, clients, targets })),
      );
    });
