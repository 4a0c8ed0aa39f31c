import { connect } from "@saasaparilla/client";
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer, type AddressInfo } from "node:net";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { expectSoon, printed, serve, subscribing } from "#tests/support/client-library.ts";
import { TRANSPORTS } from "#tests/support/raw-transports.ts";

/** URLs and servers that do not belong to a distributor. No services run. */
const subscribe = subscribing(() => ({
  url: "http://127.0.0.1:1",
  token: (client) => Promise.resolve(`head-of-a-token.${client}.signature-of-it`),
}));

describe.for(TRANSPORTS)("%s", (transport) => {
  test.for<[string, RequestListener]>([
    ["404", (_, response) => response.writeHead(404).end()],
    ["a page", (_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")],
    ["another API", (_, response) => response.writeHead(200, { "content-type": "application/json" }).end("{}")],
  ])("a URL that answers %s stops the client, and is named", async ([, answer]) => {
    const { url, requests } = await serve(answer);
    const subscriber = await subscribe(() => ({ transport, url: `${url}/base/` }));
    const reason = await subscriber.connection.closed;
    expect(reason.code).toBe("wrong-url");
    expect(reason.text).toContain(`${url}/base/v1/`);
    expect(subscriber.statuses.at(-1)).toMatchObject({ state: "closed", reason, error: { message: reason.text } });
    expect(subscriber.failures).toMatchObject([[{ message: reason.text }, { code: "stopped" }]]);
    expect(requests.length).toBe(transport === "websocket" ? 6 : 3);
  });
});

test.for(["", "nonsense", "/path", "ftp://host", "https://", "//host", undefined, null, 7])(
  "the URL %j is refused at once",
  (url) => {
    const options = { url: url as string, token: "t", onNotification: () => {} };
    expect(() => connect(options)).toThrow(new RegExp(`url is "${String(url)}"`));
  },
);

test("a URL with credentials is refused, and the error omits them", () => {
  const options = { url: "https://user:secret@host/?key=secret", token: "t", onNotification: () => {} };
  expect(() => connect(options)).toThrow(expect.not.stringContaining("secret"));
  expect(() => connect(options)).toThrow("without credentials");
});

test("a connection failure keeps its cause, and names the server", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  for (const transport of TRANSPORTS) {
    const subscriber = await subscribe(() => ({ transport, url: `ws://127.0.0.1:${port}/base` }));
    const waiting = () => subscriber.statuses.find(({ state }) => state === "waiting");
    await expect.poll(waiting).toBeDefined();
    const { reason, error } = waiting()!;
    expect(reason).toEqual({
      code: "unreachable",
      text: `http://127.0.0.1:${port}/base: fetch failed: connect ECONNREFUSED 127.0.0.1:${port}`,
    });
    expect((error as Error).cause).toMatchObject({ code: "ECONNREFUSED" });
  }
});

test("a constant malformed token stops the client, unprinted", async () => {
  const lines = printed();
  const subscriber = await subscribe(({ token }) => ({ token: `${token}\n`, onError: undefined as never }));
  expect((await subscriber.connection.closed).code).toBe("token-invalid");
  expect(inspect([lines, subscriber.statuses])).not.toContain(subscriber.token.slice(0, 12));
  expect(lines).toHaveLength(1);
});

test("malformed frames end the connection, but not the process", async () => {
  for (const data of ["nonsense", "null", "[]", '{"type":"notification"}', '{"type":"notifications"}']) {
    const { url } = await serve((request, response) => {
      if (request.method === "POST") response.writeHead(400, { "content-type": "application/problem+json" }).end("{}");
      else
        response
          .writeHead(200, { "content-type": "text/event-stream" })
          .write(`data: {"type":"connected","cursor":"","heartbeat":"x"}\n\ndata: ${data}\n\n`);
    });
    const subscriber = await subscribe(() => ({ url, transport: "sse" }));
    if (data === "[]") await expectSoon(() => subscriber.connection.state, "replaying");
    else await expectSoon(() => subscriber.statuses.find(({ state }) => state === "waiting")?.reason?.code, "protocol");
    await subscriber.connection.close();
  }
});
