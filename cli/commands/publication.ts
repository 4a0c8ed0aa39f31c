import { CliCommand } from "#cli/command.ts";
import { memberApi } from "#cli/connection/api.ts";
import { memberOptions, type MemberOptions } from "#cli/connection/options.ts";
import { printJson } from "#cli/output.ts";
import { messageId } from "#cli/values.ts";

export const publicationCommand = (): CliCommand =>
  new CliCommand("publication")
    .summary("publications to groups and exchanges, and delayed ones: show, cancel")
    .description("Show the state of a publication to a group or an exchange, or of a delayed one, or cancel it.")
    .examples(`publication show ${EXAMPLE} --tenant shop`)
    .addCommand(one("show", "Show its state and how many notifications were written, as JSON.", "GET"))
    .addCommand(one("cancel", "Cancel it. Notifications that are already written stay.", "DELETE"));

const EXAMPLE = "0190a3f2-7d52-7a31-9a44-1d8a3c9c1f10";

const one = (verb: string, description: string, method: "GET" | "DELETE"): CliCommand =>
  memberOptions(
    new CliCommand(verb).description(description).argument("<id>", "the id of the publication", messageId),
    "publisher",
  )
    .examples(`publication ${verb} ${EXAMPLE} --tenant shop`)
    .action(async (id: string, options: MemberOptions) => {
      printJson(await (await memberApi(options, "publisher")).ask(method, `/v1/publications/${id}`));
    });
