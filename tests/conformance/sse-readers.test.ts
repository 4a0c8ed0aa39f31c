import { EventSource } from "eventsource";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startDelivery } from "#tests/support/delivery.ts";
import type { Publisher } from "#tests/support/publisher.ts";
import type { Service, Stack } from "#tests/support/stack.ts";

/** How third-party readers parse a stream. `npx just sse-readers` has those of Python, Go and Java. */
let stack: Stack;
let distributor: Service;
let publisher: Publisher;

beforeAll(async () => {
  ({ stack, distributor, publisher } = await startDelivery());
});

afterAll(() => stack.close());

test("R6, R42: an empty line only ends an event; a heartbeat is a comment", async () => {
  await publisher.number("bytes", 3);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const headers = { authorization: `Bearer ${await stack.token({ client: "bytes", ttl: 20 })}` };
  const response = await fetch(`${distributor.url}/v1/sse`, { headers, signal: stop.signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const until = async (part: string): Promise<void> => {
    while (!text.includes(part)) text += (await reader.read()).value!;
  };
  await until('"type":"live"');
  await publisher.number("bytes", 3);
  await until('"n":5');
  // Several heartbeats, one after the other.
  await until(":\n:\n:\n:\n:\n");
  const lines = text.split("\n");
  expect(lines.slice(0, -1).filter((line) => line !== ":" && !/^(id|event|data): ./.test(line) && line !== "")).toEqual(
    [],
  );
  expect(
    lines.filter((line, at) => line === "" && at < lines.length - 1 && !lines[at - 1]!.startsWith("data: ")),
  ).toEqual([]);
  expect(text).toContain('"type":"refresh"');
});

test("the eventsource package reads each event once, and no other", async () => {
  await publisher.number("reader", 2);
  const token = await stack.token({ client: "reader" });
  const source = new EventSource(`${distributor.url}/v1/sse`, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
  });
  onTestFinished(() => source.close());
  const seen: string[] = [];
  const ids: string[] = [];
  for (const type of ["connected", "live", "notification", "message"])
    source.addEventListener(type, ({ data, lastEventId }) => {
      seen.push(type);
      if (type === "notification") {
        ids.push((JSON.parse(data as string) as { id: string; cursor: string }).id);
        expect((JSON.parse(data as string) as { cursor: string }).cursor).toBe(lastEventId);
      }
    });
  await expect.poll(() => [seen.includes("live"), ids.length]).toEqual([true, 2]);
  await publisher.number("reader", 2);
  await expect.poll(() => ids).toEqual(publisher.accepted("reader"));
  expect(seen.toSorted()).toEqual(["connected", "live", ...Array<string>(4).fill("notification")]);
});
