import { expect, test } from "vitest";
import { Inboxes, type InboxesParts } from "./inboxes.ts";

test("a list of another tenant does not wait for all requests of one tenant", async () => {
  const asked: string[] = [];
  const done: (() => void)[] = [];
  const lists = {
    page({ client }: { client: string }) {
      asked.push(client);
      return new Promise<void>((resolve) => done.push(resolve));
    },
  };
  const parts = {
    lists,
    weightOf: () => 1,
    metrics: { watch() {}, failed() {} },
  } as unknown as InboxesParts;
  const inboxes = new Inboxes(parts);
  const page = (client: string): Promise<unknown> =>
    inboxes.page({ client, items: 500, days: 30 }, undefined, 50).catch(() => {});
  const loud = Array.from({ length: 50 }, (_, n) => page(`loud/${n}`));
  const quiet = page("quiet/u");
  for (let turn = 0; turn < 8; turn += 1) {
    done.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(asked.indexOf("quiet/u")).toBeGreaterThan(-1);
  expect(asked.indexOf("quiet/u")).toBeLessThan(8);
  while (asked.length < 51 || done.length > 0) {
    done.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all([...loud, quiet]);
});
