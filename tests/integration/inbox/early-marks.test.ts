import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InboxApi } from "#tests/support/inbox-api.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Kind, type Service, type Stack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";
import { startKafkaProxy, type TcpProxy } from "#tests/support/tcp-proxy.ts";

/** A mark precedes its row, and a service is killed in between. */
const KINDS = ["receiver", "director", "distributor", "courier"] as const;
const PARTITIONS = 4;
let stack: Stack;
let proxy: TcpProxy;
const running = new Map<Kind, Service>();

beforeAll(async () => {
  stack = await startStack({ env: { INBOX_EVENTS: "*", GROUP_SESSION_MS: "3000", LEASE_MS: "3000" } });
  proxy = await startKafkaProxy(stack.env.KAFKA_BROKERS!.split(",")[0]!);
  await Promise.all(KINDS.map(start));
});

afterAll(async () => {
  await proxy.set("pass");
  await stack.close();
  await proxy.close();
});

/** While the proxy hangs, the courier inserts nothing, and still answers. */
async function start(kind: Kind): Promise<void> {
  const service = await stack.start(kind, kind === "courier" ? { KAFKA_BROKERS: proxy.address } : {});
  running.set(kind, service);
  if (kind === "receiver") stack.services.splice(0, 1, service);
}

test.each(KINDS)(
  "R82: %s: it is killed between a mark and its row, and the counts are right afterwards",
  async (kind) => {
    const client = `early-${kind}`;
    const courier = () => running.get("courier")!;
    await expect.poll(() => scrapeMetric(courier(), "partitions_owned"), { timeout: 30_000 }).toBe(PARTITIONS);
    const ids = Array.from({ length: 6 }, () => randomUUID());
    const items = ids.map((id, index) => ({ client, id, json: String(index) }));
    await proxy.set("hang");
    await (await Publisher.of(stack)).publish(items);
    const before = new InboxApi(stack, courier());
    await before.marked(client, { ids: ids.slice(0, 2), mark: "read" });
    await before.marked(client, { ids: [ids[2]], mark: "archived" });
    expect(await before.list(client)).toMatchObject({ items: [], unread: 0, unseen: 0 });

    const victim = running.get(kind)!;
    victim.kill("SIGKILL");
    await victim.exited;
    await proxy.set("pass");
    await start(kind);
    // A publisher that heard nothing repeats its request.
    await (await Publisher.of(stack)).publish(items);

    const device = await Subscriber.of(stack, { client, transport: "websocket" });
    await device.connect(running.get("distributor")!);
    await device.until("all have arrived", () => device.received.length === ids.length, 30_000);
    await device.close();
    expect(device.received.map(({ id }) => id)).toEqual(ids);
    const inbox = new InboxApi(stack, courier());
    await inbox.listed(client, [ids[5], ids[4], ids[3], ids[1], ids[0]]);
    const { items: listed, unread, unseen, more } = await inbox.list(client);
    expect(listed.map(({ mark }) => mark)).toEqual([null, null, null, "read", "read"]);
    expect({ unread, unseen, more }).toEqual({ unread: 3, unseen: 3, more: false });
  },
  120_000,
);
