import { CloudEvent, HTTP, type Message } from "cloudevents";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readAccepted } from "#tests/support/accepted-records.ts";
import { startStack, type Service, type Stack } from "#tests/support/stack.ts";

/** Events as another project's library writes them. */
let stack: Stack;
let receiver: Service;
let token: string;

beforeAll(async () => {
  stack = await startStack({ services: ["receiver"] });
  receiver = stack.services[0]!;
  token = await stack.token({ publisher: "library" });
});

afterAll(() => stack.close());

const event = (subject: string, data: unknown = { n: 12, text: "Grüße, 世界 🎉" }): CloudEvent<unknown> =>
  new CloudEvent({ type: "order.shipped", source: "/shop/1", subject, data, ttl: 60, region: "eu west" });

async function send({ headers, body }: Message): Promise<{ status: number; ids: string[] }> {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { ...(headers as Record<string, string>), authorization: `Bearer ${token}` },
    body: body as string,
  });
  const answer = (await response.json()) as { items?: { id: string }[] };
  return { status: response.status, ids: answer.items?.map(({ id }) => id) ?? [] };
}

const acceptedFor = async (client: string) => (await readAccepted(stack)).filter(({ key }) => key === `acme/${client}`);

test.for(["structured", "binary"] as const)(
  "R59: an event that the library sends in %s mode arrives, and only once",
  async (mode) => {
    const one = event(mode);
    const message = HTTP[mode](one);
    const first = await send(message);
    expect(first).toMatchObject({ status: 202, ids: [expect.any(String)] });
    expect(await send(message)).toEqual(first);
    const accepted = await acceptedFor(mode);
    expect(accepted).toHaveLength(1);
    expect(accepted[0]).toMatchObject({ id: first.ids[0], event: "order.shipped", ttl: 60 });
    expect(JSON.parse(accepted[0]!.payload)).toEqual(one.data);
    expect(JSON.parse(accepted[0]!.options!.headers!)).toEqual({
      id: one.id,
      source: "/shop/1",
      time: one.time,
      region: "eu west",
    });
  },
);

test("R59: a batch of the library's events arrives in order", async () => {
  const events = Array.from({ length: 20 }, (_, n) => event("batch", { n }));
  const body = JSON.stringify(events);
  const { status, ids } = await send({ headers: { "content-type": "application/cloudevents-batch+json" }, body });
  expect(status).toBe(202);
  const accepted = await acceptedFor("batch");
  expect(accepted.map(({ id }) => id)).toEqual(ids);
  expect(accepted.map(({ payload }) => JSON.parse(payload) as unknown)).toEqual(events.map(({ data }) => data));
});

test.for<[string, unknown, unknown]>([
  ["a text", "plain", "plain"],
  ["a number", 7, 7],
  ["an array", [1, "two"], [1, "two"]],
])("R59: data that is %s arrives in both modes", async ([name, data, expected]) => {
  for (const mode of ["structured", "binary"] as const) {
    const client = `${mode}-${name.replaceAll(" ", "-")}`;
    const given = new CloudEvent({
      type: "t",
      source: "/s",
      subject: client,
      data,
      datacontenttype: mode === "binary" && typeof data === "string" ? "text/plain" : "application/json",
    });
    const { headers, body } = HTTP[mode](given);
    expect(await send({ headers, body: typeof body === "string" ? body : JSON.stringify(body) })).toMatchObject({
      status: 202,
    });
    expect((await acceptedFor(client)).map(({ payload }) => JSON.parse(payload) as unknown)).toEqual([expected]);
  }
});

test("R59: binary data of the library is refused, and the answer says how to send it", async () => {
  const binary = new CloudEvent({ type: "t", source: "/s", subject: "bytes", data: new Uint8Array([0, 255, 1]) });
  const { headers, body } = HTTP.structured(binary);
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { ...(headers as Record<string, string>), authorization: `Bearer ${token}` },
    body: body as string,
  });
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ errors: [{ pointer: "/data_base64", detail: "It is binary data." }] });
  expect(await acceptedFor("bytes")).toEqual([]);
});
