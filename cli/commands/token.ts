import { CliCommand } from "#cli/command.ts";
import { bearerOf, type WhoOptions, whoOptions } from "#cli/connection/bearer.ts";
import { warnUnlessKnown } from "#cli/connection/warn-unknown-tenant.ts";
import { consoleUrlOption, signingOptions, type SigningOptions } from "#cli/connection/options.ts";
import { signer } from "#cli/connection/signer.ts";
import { print } from "#cli/output.ts";

type Options = WhoOptions & SigningOptions & { consoleUrl?: string };

/** Prints only the token, so that you can use it in "$(... token ...)". */
export const tokenCommand = (): CliCommand =>
  signingOptions(
    whoOptions(
      new CliCommand("token")
        .summary("print a token, signed with a key of the platform's issuer")
        .description(
          "Print a token for a client, a publisher, a consumer of queues or an operator. Needs the private key of the platform's issuer.",
        ),
    ),
  )
    .addOption(consoleUrlOption())
    .examples(
      "token --client u1",
      "token --publisher --tenant shop --ttl 15m",
      "token --consumer feed --tenant shop",
      "token --operator --signing-key private.json --token-issuer https://idp.example",
    )
    .action(async (options: Options, command: CliCommand) => {
      const bearer = bearerOf(options, command);
      const sign = await signer(options, options.tenant);
      const token = await sign(bearer);
      const { consoleUrl } = options;
      if (bearer.tenant !== undefined)
        await warnUnlessKnown(bearer.tenant, { sign, consoleUrl, program: command.program });
      print(token);
    });
