import { expect, test } from "vitest";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { storedFor } from "#tests/support/stored-rows.ts";
import { startProxy } from "#tests/support/tcp-proxy.ts";
import { Publisher } from "#tests/support/publisher.ts";
import { startStack } from "#tests/support/stack.ts";

test("R22: an acknowledgement whose deletion fails takes effect once Postgres is back", async () => {
  const postgres = await startProxy(new URL(process.env.DATABASE_URL!).host);
  const stack = await startStack({
    services: ["receiver", "distributor"],
    env: { DRAIN_MS: "0", POLL_GRACE_MS: "200" },
  });
  try {
    const [, distributor] = stack.services;
    const url = Object.assign(new URL(process.env.DATABASE_URL!), { host: postgres.address });
    const director = await stack.start("director", { DATABASE_URL: url.href });
    const publisher = await Publisher.of(stack);
    const client = "deleted";
    await publisher.number(client, 3);
    await storedFor(stack, [client], 3);
    const headers = {
      authorization: `Bearer ${await stack.token({ client })}`,
      "content-type": "application/json",
    };
    const answer = await fetch(`${distributor!.url}/v1/poll?wait=0`, { headers });
    const { cursor } = (await answer.json()) as { cursor: string };

    // A connection that received them would make its distributor delete them.
    await expect.poll(() => scrapeMetric(distributor!, "connections")).toBe(0);
    await postgres.set("reset");
    const failures = await scrapeMetric(director, "dependency_failures_total", 'dependency="postgres"');
    const body = JSON.stringify({ cursor });
    const acknowledged = await fetch(`${distributor!.url}/v1/acks`, { method: "POST", headers, body });
    expect(acknowledged.status).toBe(204);
    await expect.poll(() => scrapeMetric(director, "deletions_waiting")).toBe(1);
    await expect
      .poll(() => scrapeMetric(director, "dependency_failures_total", 'dependency="postgres"'))
      .toBeGreaterThan(failures);
    await storedFor(stack, [client], 3);

    await postgres.set("pass");
    await storedFor(stack, [client], 0);
    await expect.poll(() => scrapeMetric(director, "deletions_waiting")).toBe(0);
  } finally {
    await stack.close();
    await postgres.close();
  }
});
