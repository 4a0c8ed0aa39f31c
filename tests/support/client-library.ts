import { connect, type Connection, type Failure, type Options, type Status, type Timers } from "@saasaparilla/client";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, vi } from "vitest";
import type { Publisher } from "./publisher.ts";

/** The client library in a test, and its reports to its application. */
export interface LibraryClient {
  client: string;
  token: string;
  connection: Connection;
  received: unknown[];
  statuses: Status[];
  failures: [unknown, Failure][];
}

type Make = (parts: Omit<LibraryClient, "connection">) => Partial<Options>;

let clients = 0;

/** Connects new clients to `url`. `make` can override every option, including callbacks. */
export function subscribing(of: () => { url: string; token(client: string): Promise<string> }) {
  return async (make: Make = () => ({})): Promise<LibraryClient> => {
    const client = `faulty-${(clients += 1)}`;
    const { url, token: mint } = of();
    const token = await mint(client);
    const parts: Omit<LibraryClient, "connection"> = { client, token, received: [], statuses: [], failures: [] };
    const connection = connect({
      url,
      token: () => token,
      random: () => 0.1,
      onNotification: ({ data }) => void parts.received.push(data),
      onState: (status) => parts.statuses.push(status),
      onError: (error, failure) => parts.failures.push([error, failure]),
      ...make(parts),
    });
    onTestFinished(() => connection.close());
    return { ...parts, connection };
  };
}

export const expectSoon = async (what: () => unknown, is: unknown): Promise<void> =>
  expect.poll(what, { interval: 10 }).toEqual(is);

/** Publishes one notification, and expects that no other one arrives. */
export const delivering =
  (publisher: () => Publisher) =>
  async ({ client, received }: Pick<LibraryClient, "client" | "received">): Promise<void> => {
    await publisher().publish([{ client, json: '"hello"' }]);
    await expectSoon(() => received, ["hello"]);
  };

/** The whole console output. */
export function printed(): unknown[][] {
  const lines: unknown[][] = [];
  for (const name of ["log", "warn", "error"] as const) {
    const spy = vi.spyOn(console, name).mockImplementation((...line: unknown[]) => void lines.push(line));
    onTestFinished(() => spy.mockRestore());
  }
  return lines;
}

/** Shortens some of the library's waits. */
export const faster = (waits: Record<number, number>): Timers => ({
  setTimeout: (callback, ms) => setTimeout(callback, waits[ms] ?? ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
});

/** An HTTP server that is not a distributor. */
export async function serve(answer: RequestListener): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createHttpServer((request, response) => {
    requests.push(`${request.method} ${request.url!.replace(/\?.*/, "")}`);
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}
