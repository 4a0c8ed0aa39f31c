import { afterAll, beforeAll, expect, test } from "vitest";
import { BrowserSession, SEALED, signInToken } from "#tests/support/browser-session.ts";
import { scrapeMetric } from "#tests/support/scrape-metric.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

let stack: Stack;
let desk: Service;
let ada: BrowserSession;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver", "director", "distributor"], env: { ...SEALED, DRAIN_MS: "0" } });
  const [receiver, , distributor] = stack.services as [Service, Service, Service];
  desk = await stack.start("console", { RECEIVER_URL: receiver.url, DISTRIBUTOR_URL: distributor.url });
  ada = await BrowserSession.begin(desk, await signInToken(stack));
});
afterAll(() => stack.close());

interface Heard {
  event: string;
  data: Record<string, unknown>;
}

/** The events of one stream until `last`. */
async function listen(transport: string, client: string, last: (heard: Heard) => boolean, opened?: () => void) {
  const over = new AbortController();
  const response = await fetch(`${desk.url}/v1/tenants/acme/try/stream?client=${client}&transport=${transport}`, {
    headers: { cookie: ada.cookie },
    signal: AbortSignal.any([over.signal, AbortSignal.timeout(30_000)]),
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
  let text = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const events = text.split("\n\n").slice(0, -1);
    const heard = events.flatMap((event): Heard[] => {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      return name === undefined ? [] : [{ event: name, data: JSON.parse(data!) as Record<string, unknown> }];
    });
    if (heard.some(({ event }) => event === "connected" || event === "live")) opened?.();
    const found = heard.find(last);
    if (found) {
      over.abort();
      return found;
    }
  }
  throw new Error(`The stream ended: ${text}`);
}

const publish = (query = ""): Promise<Response> =>
  ada.ask("POST", `/v1/tenants/acme/try/publish${query}`, { body: { client: "u1", data: { text: "hi" } } });

test("a test notification arrives on three panes, each over its own transport", async () => {
  const isIt = ({ event, data }: Heard): boolean =>
    event === "notification" && JSON.stringify(data.data) === '{"text":"hi"}';
  let open = 0;
  let all = (): void => {};
  const allOpen = new Promise<void>((done) => (all = done));
  const once = (): (() => void) => {
    let said = false;
    return () => {
      if (!said) open += 1;
      said = true;
      if (open === 2) all();
    };
  };
  // A poll says nothing before its first answer.
  const panes = Promise.all([
    listen("websocket", "u1", isIt, once()),
    listen("sse", "u1", isIt, once()),
    listen("poll", "u1", isIt),
  ]);
  await allOpen;
  const response = await publish();
  expect(response.status).toBe(202);
  await panes;
}, 60_000);

test("a dry run publishes nothing", async () => {
  const response = await publish("?dryRun=1");
  expect([response.status, await response.json()]).toMatchObject([200, { dryRun: true }]);
  expect((await publish("?dryRun=yes")).status).toBe(400);
});

test("a reader may not try, and a wrong client or transport is named", async () => {
  const eve = await BrowserSession.begin(desk, await signInToken(stack, { publisher: "eve", scope: "read" }));
  const path = "/v1/tenants/acme/try/stream";
  expect((await eve.ask("GET", `${path}?client=u1&transport=sse`)).status).toBe(403);
  expect((await ada.ask("GET", `${path}?client=u1&transport=pigeon`)).status).toBe(400);
  expect((await ada.ask("GET", `${path}?client=&transport=sse`)).status).toBe(400);
});

test("the number of panes of one person is bounded, and a closed pane frees its place", async () => {
  const over = new AbortController();
  const open = () =>
    fetch(`${desk.url}/v1/tenants/acme/try/stream?client=many&transport=sse`, {
      headers: { cookie: ada.cookie },
      signal: over.signal,
    });
  await expect.poll(() => scrapeMetric(desk, "try_streams"), { timeout: 10_000 }).toBe(0);
  const opened = await Promise.all(Array.from({ length: 6 }, open));
  expect(opened.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 200));
  const more = await open();
  expect([more.status, more.headers.has("retry-after")]).toEqual([429, true]);
  over.abort();
  await expect.poll(() => scrapeMetric(desk, "try_streams"), { timeout: 10_000 }).toBe(0);
});
