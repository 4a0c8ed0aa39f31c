import { parseArgs } from "node:util";
import { connect, type Options } from "./client.ts";

/** A subscriber for the terminal: one line of JSON for each notification, and the connection's events on stderr. */
const TRANSPORTS = ["auto", "websocket", "sse", "poll"] as const;
const values = parsed();
const token = process.env.NOTIFICATIONS_TOKEN;
const transport = TRANSPORTS.find((name) => name === (values.transport ?? "websocket"));

if (!token) end("NOTIFICATIONS_TOKEN is not set: a client's token. On the local stack: npx just subscribe --client u1");
if (!transport) end(`--transport ${values.transport}: it is one of ${TRANSPORTS.join(", ")}.`);

const options: Options = {
  url: process.env.NOTIFICATIONS_URL || "http://localhost:8081",
  token,
  transport,
  onNotification: (notification) => console.log(printable(JSON.stringify(notification))),
  onError: (error, { code, text }) => {
    if (code !== "stopped") console.error(printable(`${text} ${String(error)}`));
  },
  onState({ state, transport: over, reason, delay, error }) {
    const why = reason?.text ?? (error instanceof Error ? error.message : undefined);
    const again = delay ? `; again in ${(delay / 1_000).toFixed(1)} s` : "";
    console.error(printable(`${state} (${over})${why ? `: ${why}` : ""}${again}`));
  },
};
const connection = connect(values.cursor === undefined ? options : { ...options, cursor: values.cursor });
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => void connection.close());
const reason = await connection.closed;
if (connection.cursor) console.error(`To resume: --cursor ${connection.cursor}`);
process.exitCode = reason.code === "closed" ? 0 : 1;

/** A publisher's text must not move the cursor, change colours or hide text. In JSON, an escape means the same. */
function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => character.charCodeAt(at).toString(16).padStart(4, "0"))
      .map((code) => `\\u${code}`)
      .join(""),
  );
}

function parsed() {
  try {
    return parseArgs({ options: { transport: { type: "string" }, cursor: { type: "string" } } }).values;
  } catch (error) {
    return end(error instanceof Error ? error.message : String(error));
  }
}

function end(message: string): never {
  console.error(message);
  process.exit(2);
}
