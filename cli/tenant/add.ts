import { Option } from "commander";
import { CliCommand, CliError } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { newTenantName } from "#cli/values.ts";
import { allOf, given } from "./documents.ts";

export const addCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("add")
      .description("Create a tenant.")
      .argument("<name>", "its name: 1 to 64 letters, digits, - and _", newTenantName)
      .addOption(
        new Option(
          "--trust <trust>",
          "scopes: the scopes in its issuers' tokens are enough; grants, the default: a grant must also allow it",
        ).choices(["scopes", "grants"]),
      ),
  )
    .examples("tenant add shop --trust scopes")
    .action(async (name: string, { trust, ...options }: ConsoleOptions & { trust?: string }) => {
      const api = await consoleApi(options);
      // Writing it again would resume a suspended tenant and remove its limits.
      if ((await allOf(api)).some(({ tenant }) => tenant === name))
        throw new CliError(`The tenant ${name} exists already. Change it with limits, origins, suspend or resume.`);
      printJson(await api.ask("PUT", `/v1/tenants/${name}`, given({ trust })));
    });
