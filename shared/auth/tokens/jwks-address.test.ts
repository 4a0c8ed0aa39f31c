import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { JwksAddresses, type Resolve } from "./jwks-address.ts";

async function served(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test("a private address, in any spelling, gets no request unless the setting names it", async () => {
  let asked = 0;
  const port = await served((_, response) => {
    asked += 1;
    response.end("keys");
  });
  const open = new JwksAddresses(["127.0.0.0/8", "::1"]);
  const strict = new JwksAddresses(["10.0.0.0/8"]);
  const hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"];
  for (const host of hosts) {
    const url = new URL(`http://${host}:${port}/jwks`);
    expect([host, await strict.refusal(url)]).toEqual([host, expect.stringContaining("AUTH_PRIVATE_NETWORKS=")]);
    await expect(strict.fetch(url)).rejects.toThrow("private address");
  }
  expect(asked).toBe(0);
  for (const host of hosts.slice(0, 2)) expect(await open.fetch(new URL(`http://${host}:${port}/jwks`))).toBe("keys");
  expect(await open.refusal(new URL("http://[::ffff:127.0.0.1]/"))).toBeUndefined();
  for (const host of ["[::1]", "[fe80::1]", "169.254.169.254", "[64:ff9b::7f00:1]"])
    expect(await strict.refusal(new URL(`https://${host}/`))).toContain("private address");
});

test("one private address of a name is enough to refuse it, and a changed name is checked on connect", async () => {
  const answers = [["1.1.1.1", "10.0.0.1"], ["1.1.1.1"], ["127.0.0.1"]];
  const resolve: Resolve = (_, __, done) =>
    done(
      null,
      answers.shift()!.map((address) => ({ address, family: 4 })),
    );
  const jwksAddresses = new JwksAddresses([], resolve);
  const url = new URL("https://idp.example/jwks");
  expect(await jwksAddresses.refusal(url)).toContain("resolves to 10.0.0.1");
  expect(await jwksAddresses.refusal(url)).toBeUndefined();
  await expect(jwksAddresses.fetch(url)).rejects.toThrow("resolves to 127.0.0.1");
});

test("a redirect is not followed", async () => {
  const inside = await served((_, response) => response.end("inside"));
  const port = await served((_, response) =>
    response.writeHead(302, { location: `http://127.0.0.1:${inside}/` }).end(),
  );
  const asked = new JwksAddresses(["127.0.0.1"]).fetch(new URL(`http://127.0.0.1:${port}/jwks`));
  await expect(asked).rejects.toThrow("answered 302");
});

test("an unresolved name is accepted: each connection checks it again", async () => {
  const url = new URL("https://nothing.invalid/jwks");
  expect(await new JwksAddresses([]).refusal(url)).toBeUndefined();
  await expect(new JwksAddresses([]).fetch(url)).rejects.toThrow(/nothing\.invalid/);
});
