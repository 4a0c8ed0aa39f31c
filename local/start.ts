import { signInLink } from "./sign-in-link.ts";
import { firstNotification } from "./first-notification.ts";
import { elapsed, step } from "#local/process/progress.ts";
import { command } from "#local/process/user-error.ts";
import { type Platform, up } from "./platform.ts";

await command(async () => {
  const platform = await up();
  const { notification, milliseconds } = await step("a first notification, through the whole platform", () =>
    firstNotification(platform),
  );
  process.stdout.write(`
Ready in ${elapsed()}. The client "welcome" received, ${milliseconds.toFixed(0)} ms after it was published:

  ${notification}
${next(platform)}
Open the console. This link works once, for 10 minutes; for another one: npx just console

  ${await signInLink(platform.console)}
`);
});

/** Commands to paste in this folder. */
function next({ receiver, courier, dispatcher, distributors: [distributor] }: Platform): string {
  const client = "Authorization: Bearer $(npx just token --client u1)";
  return `
Subscribe as the client u1: over server-sent events, by long poll, or over a WebSocket

  curl -N "${distributor}/v1/sse" -H "${client}"
  curl "${distributor}/v1/poll?wait=30" -H "${client}"
  npx just subscribe --client u1

Publish to it from another terminal. A client that reconnects first gets the notifications that it missed

  curl "${receiver}/v1/notifications" -H "Authorization: Bearer $(npx just token --publisher)" \\
    -H "Content-Type: application/json" -d '{"to": {"client": "u1"}, "data": {"text": "hello"}}'

See the inbox of the client: the same list on each of its devices

  curl "${courier}/v1/inbox" -H "${client}"

Groups and queues are at the dispatcher, ${dispatcher}: npx just group add u1 --group team; npx just queue read jobs

Watch a demo: npx just demo      Logs: npx just logs      Stop: npx just down      All recipes: npx just --list
`;
}
