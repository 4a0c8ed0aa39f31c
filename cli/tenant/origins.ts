import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { origins, tenantName } from "#cli/values.ts";
import { change } from "./documents.ts";

export const originsCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("origins")
      .description("Set the sites whose pages may connect. They replace the previous ones.")
      .argument("<name>", "the tenant", tenantName)
      .argument("<list>", "origins with commas between, or none", origins),
  )
    .examples("tenant origins shop https://shop.example,https://www.shop.example", "tenant origins shop none")
    .action(async (name: string, list: string[], options: ConsoleOptions) => {
      // Earlier services refuse this member, so it is left out without origins.
      printJson(await change(await consoleApi(options), name, { origins: list.length > 0 ? list : undefined }));
    });
