// A notification over server-sent events, handled and acknowledged: the least that an installed package must do.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "@saasaparilla/client";

const frames = [
  { type: "connected", cursor: "a0", heartbeat: 15 },
  { type: "notification", id: "n1", cursor: "a1", publishedAt: "2026-01-01T00:00:00Z", data: { text: "hello" } },
  { type: "live" },
];
let acknowledged;
const server = createServer((request, response) => {
  if (request.method !== "POST") {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const frame of frames) response.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`);
    return;
  }
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    acknowledged = JSON.parse(body).cursor;
    response.writeHead(204).end();
  });
});
await once(server.listen(0, "127.0.0.1"), "listening");

let connection;
const text = await new Promise((resolve) => {
  connection = connect({
    url: `http://127.0.0.1:${server.address().port}`,
    token: "a-token",
    transport: "sse",
    onNotification: ({ data }) => resolve(data.text),
  });
});
await connection.close();
server.closeAllConnections();
server.close();
if (text !== "hello" || acknowledged !== "a1") throw new Error(`heard ${text}, acknowledged ${acknowledged}`);
console.log(`heard and acknowledged, by Node ${process.version}`);
