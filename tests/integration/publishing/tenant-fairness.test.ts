import { expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack } from "#tests/support/stack.ts";
import { Subscriber } from "#tests/support/subscriber.ts";

/** Far longer than the permitted delay of another tenant. */
const ACK_MS = 30_000;

test("R24: a tenant's unacknowledged notifications above its share are stored, and delay no other tenant", async () => {
  const stack = await startStack({
    services: ["receiver", "director", "distributor"],
    env: { ACCEPTED_PARTITIONS: "1", PARTITION_MAX_UNSETTLED: "400", ACK_MS: String(ACK_MS), DRAIN_MS: "0" },
  });
  try {
    const [, director, distributor] = stack.services;
    const clients = ["loud-1", "loud-2", "loud-3", "loud-4"];
    const [loud, quiet] = await Promise.all([Publisher.of(stack), Publisher.of(stack, "other")]);
    const silent = await Promise.all(
      clients.map(async (client, index) => {
        const transport = index % 2 === 0 ? "sse" : "websocket";
        const subscriber = await Subscriber.of(stack, { client, transport, acknowledge: "manual" });
        await subscriber.connect(distributor!);
        await subscriber.live();
        return subscriber;
      }),
    );
    const other = await Subscriber.of(stack, { client: "quiet", tenant: "other", transport: "websocket" });
    await other.connect(distributor!);
    await other.live();

    // More than the partition may have unsettled, and then again while the first batch is still in flight.
    for (let round = 0; round < 5; round += 1) {
      await loud.number(clients, 50);
      await quiet.number("quiet", 1);
      await other.all(quiet, ACK_MS / 3);
    }
    expect(await scrapeMetric(director!, "notifications_over_share_total")).toBeGreaterThan(0);
    expect(await scrapeMetric(director!, "lane_demotions_total", 'reason="share"')).toBeGreaterThan(0);
    expect(await scrapeMetric(director!, "lane_demotions_total", 'reason="unacknowledged"')).toBe(0);

    // The subscriber checks the order, and that each comes once on its connection.
    for (const subscriber of silent) {
      await subscriber.all(loud);
      await subscriber.ack();
    }
    await other.close();
    for (const subscriber of silent) await subscriber.close();
  } finally {
    await stack.close();
  }
});

test("R36: one tenant's connects leave room for another tenant, which is admitted at once", async () => {
  const stack = await startStack({
    services: ["director", "distributor"],
    env: { CONNECT_RATE: "1", CONNECT_BURST: "90", MAX_HANDOVERS: "100", DRAIN_MS: "0" },
  });
  try {
    const distributor = stack.services[1]!;
    const connect = async (tenant: string, path: string) => {
      const headers = { authorization: `Bearer ${await stack.token({ client: "crowd", tenant })}` };
      const answer = await fetch(`${distributor.url}${path}`, { headers });
      await answer.body?.cancel();
      return {
        status: answer.status,
        type: answer.headers.get("content-type"),
        later: answer.headers.get("retry-after"),
      };
    };
    const answers = [];
    for (let times = 0; times < 100; times += 1) answers.push(await connect("acme", "/v1/sse"));
    const refused = answers.filter(({ status }) => status === 503);
    // And the tokens that the rate adds meanwhile.
    expect(answers.length - refused.length).toBeGreaterThanOrEqual(80);
    expect(refused.length).toBeGreaterThan(0);
    expect(Number(refused[0]!.later)).toBeGreaterThanOrEqual(1);
    expect(refused[0]!.type).toBe("application/problem+json");
    const polls = [];
    for (let times = 0; times < 10; times += 1) polls.push((await connect("acme", "/v1/poll?wait=0")).status);
    expect(polls).toContain(503);
    expect(await scrapeMetric(distributor, "connections_over_share_total", 'reason="rate"')).toBe(
      refused.length + polls.filter((status) => status === 503).length,
    );
    expect((await connect("other", "/v1/sse")).status).toBe(200);
    expect((await connect("other", "/v1/poll?wait=0")).status).toBe(200);
    const socket = await Subscriber.of(stack, { client: "socket", tenant: "globex", transport: "websocket" });
    await socket.connect(distributor);
    await socket.close();
  } finally {
    await stack.close();
  }
});
