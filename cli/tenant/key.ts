import { CliCommand } from "#cli/command.ts";
import { consoleApi } from "#cli/connection/api.ts";
import { consoleOptions, type ConsoleOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { clientPatterns, documentId, keyName, keyScopes, targetPatterns, tenantName, ttl } from "#cli/values.ts";
import { given } from "./documents.ts";

interface Options extends ConsoleOptions {
  name: string;
  scopes: string[];
  clients?: string[];
  targets?: string[];
  ttl?: number;
}

export const keyCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("key")
      .description("Create an API key. It is printed once, and never again.")
      .argument("<tenant>", "the tenant", tenantName)
      .requiredOption("--name <text>", "the purpose of the key", keyName)
      .requiredOption("--scopes <list>", "publish, read, operate, consume", keyScopes)
      .option("--clients <list>", "the clients that it may publish to: u1,shop-*; all by default", clientPatterns)
      .option(
        "--targets <list>",
        "the queues, groups and exchanges that it may name: queue/changes,group/*; none by default",
        targetPatterns,
      )
      .option("--ttl <duration>", "how long it is valid: 12h or 90d; until it is removed by default", ttl),
  )
    .examples("tenant key shop --name checkout --scopes publish --ttl 90d")
    .action(async (tenant: string, { name, scopes, clients, targets, ttl: expiresIn, ...options }: Options) => {
      const api = await consoleApi(options);
      printJson(
        await api.ask("POST", `/v1/tenants/${tenant}/keys`, given({ name, scopes, clients, targets, expiresIn })),
      );
    });

export const rotateCommand = (): CliCommand =>
  consoleOptions(
    new CliCommand("rotate")
      .description("Replace an API key by a new one, which is printed once. Both are valid for the overlap.")
      .argument("<tenant>", "the tenant", tenantName)
      .argument("<key>", "the id of the key", documentId)
      .option("--overlap <duration>", "how long the old one stays valid: 0s, 1h or 7d; a day by default", ttl),
  )
    .examples("tenant rotate shop KEY --overlap 1d", "tenant rotate shop KEY --overlap 0s")
    .action(async (tenant: string, key: string, { overlap, ...options }: ConsoleOptions & { overlap?: number }) => {
      const api = await consoleApi(options);
      printJson(await api.ask("POST", `/v1/tenants/${tenant}/keys/${key}/rotate`, given({ overlapSeconds: overlap })));
    });
