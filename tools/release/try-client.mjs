// Handles, acknowledges and lists a notification over server-sent events: the minimum test of an installed package.
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "@saasaparilla/client";
import { inbox } from "@saasaparilla/client/inbox";

const frames = [
  { type: "connected", cursor: "a0", heartbeat: 15 },
  { type: "notification", id: "n1", cursor: "a1", publishedAt: "2026-01-01T00:00:00Z", data: { text: "hello" } },
  { type: "live" },
];
const listed = { items: [{ ...frames[1], mark: null }], unread: 1, unseen: 1, more: false, events: ["*"] };
let acknowledged;
const server = createServer((request, response) => {
  if (request.url.startsWith("/v1/inbox")) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(listed));
    return;
  }
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

const url = `http://127.0.0.1:${server.address().port}`;
const list = inbox({ url });
let connection;
const text = await new Promise((resolve) => {
  connection = connect({
    url,
    inbox: list,
    token: "a-token",
    transport: "sse",
    onNotification: ({ data }) => resolve(data.text),
  });
});
while (list.loading) await new Promise((resolve) => list.subscribe(resolve));
await connection.close();
server.closeAllConnections();
server.close();
if (list.unread !== 1 || list.items[0].data.text !== "hello") throw new Error(`listed ${JSON.stringify(list.state)}`);
if (text !== "hello" || acknowledged !== "a1") throw new Error(`heard ${text}, acknowledged ${acknowledged}`);
console.log(`heard, acknowledged and listed, by Node ${process.version}`);
