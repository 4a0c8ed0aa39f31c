import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connect, type Options, type Status } from "./client.ts";

test.for([
  ["no handler", { onNotification: undefined }, "onNotification"],
  ["an unknown transport", { transport: "pigeon" }, "pigeon"],
  ["no URL", { url: undefined }, "url"],
] as const)("%s is a TypeError that names the option", ([, wrong, named]) => {
  const options = { url: "http://localhost", token: "t", onNotification: () => {}, ...wrong } as unknown as Options;
  expect(() => connect(options)).toThrow(TypeError);
  expect(() => connect(options)).toThrow(named);
});

test("a stream that breaks during an acknowledgement is reported once", async () => {
  let stream: ServerResponse | undefined;
  const event = (frame: object): string => `data: ${JSON.stringify(frame)}\n\n`;
  const server = createServer((request, response) => {
    if (request.url!.startsWith("/v1/acks")) {
      // This request gets no answer.
      stream?.destroy();
      return;
    }
    if (stream) {
      response.writeHead(503).end();
      return;
    }
    stream = response;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event({ type: "connected", cursor: "0", heartbeat: 15 }));
    response.write(event({ type: "notification", id: "1", cursor: "1", publishedAt: "", data: 1 }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const statuses: Status[] = [];
  const connection = connect({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: "a.b.c",
    transport: "sse",
    onNotification: () => {},
    onState: (status) => statuses.push(status),
    random: () => 1,
  });
  onTestFinished(async () => {
    await connection.close();
    server.closeAllConnections();
    server.close();
  });
  const waiting = (): Status[] => statuses.filter(({ state }) => state === "waiting");
  await expect.poll(() => waiting().length).toBeGreaterThan(0);
  // The next attempt has begun: the first one can report nothing more.
  await expect.poll(() => statuses.filter(({ state }) => state === "connecting").length, { timeout: 5_000 }).toBe(2);
  const codes = waiting().map(({ reason }) => reason?.code);
  expect(codes[0]).toBe("lost");
  expect(codes).not.toContain(undefined);
});
