import { up, wanted } from "./platform.ts";
import { command } from "#local/process/user-error.ts";

await command(async () => {
  const { receiver, distributors, courier, dispatcher, console: desk } = await up(wanted(process.argv.slice(2)));
  process.stderr.write(
    `\n  publish to    ${receiver}\n  subscribe at  ${distributors.join(" ")}\n  inboxes at    ${courier}\n  queues at     ${dispatcher}\n  console at    ${desk}: npx just console prints a link that signs you in\n`,
  );
});
