import { setTimeout as sleep } from "node:timers/promises";
import { signToken } from "./sign-token.ts";
import { UserError } from "#local/process/user-error.ts";
import type { Platform } from "./platform.ts";

const CLIENT = "welcome";
const PATIENCE = 20_000;

export type Arrival = { notification: string; milliseconds: number };

/** Sends one notification through the whole platform: published to the receiver, received from the distributor. */
export async function firstNotification({ receiver, distributors: [distributor] }: Platform): Promise<Arrival> {
  if (distributor === undefined) throw new Error("there is no distributor");
  const id = crypto.randomUUID();
  const client = { authorization: `Bearer ${await signToken({ client: CLIENT })}` };
  const giveUp = AbortSignal.timeout(PATIENCE);
  try {
    const stream = await fetch(`${distributor}/v1/sse`, { headers: client, signal: giveUp });
    if (!stream.ok || stream.body === null) throw await refusal("The distributor", stream);
    const began = performance.now();
    const [notification] = await Promise.all([arrival(stream.body, id), publish(receiver, id, giveUp)]);
    const milliseconds = performance.now() - began;
    await acknowledge(distributor, client, notification, giveUp);
    return { notification, milliseconds };
  } catch (error) {
    if (!giveUp.aborted) throw error;
    throw new UserError(
      `The first notification did not arrive within ${PATIENCE / 1000} s.`,
      "See the logs of the services: npx just logs",
      { cause: error },
    );
  }
}

async function publish(receiver: string, id: string, signal: AbortSignal): Promise<void> {
  const response = await fetch(`${receiver}/v1/notifications`, {
    method: "POST",
    headers: { authorization: `Bearer ${await signToken({ publisher: "start" })}`, "content-type": "application/json" },
    body: JSON.stringify({ id, to: { client: CLIENT }, data: { text: "Welcome to SaaSaparilla" } }),
    signal,
  });
  if (response.status !== 202) throw await refusal("The receiver", response);
  await response.arrayBuffer();
}

/** The data of the SSE event with this id. It skips older events of an interrupted start. */
async function arrival(body: ReadableStream<Uint8Array>, id: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    const events = (text + decoder.decode(chunk, { stream: true })).split(/\r?\n\r?\n/);
    text = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: ?(.*)$/m.exec(event)?.[1];
      if (data?.includes(id)) return data;
    }
  }
  throw new UserError(
    "The distributor ended the stream before the first notification.",
    "See its log: npx just logs distributor",
  );
}

/** SSE itself cannot acknowledge. Without this call the notification comes again at the next start. */
async function acknowledge(
  distributor: string,
  client: Record<string, string>,
  notification: string,
  signal: AbortSignal,
): Promise<void> {
  const { cursor } = JSON.parse(notification) as { cursor: string };
  const headers = { ...client, "content-type": "application/json" };
  const response = await fetch(`${distributor}/v1/acks`, {
    method: "POST",
    headers,
    body: JSON.stringify({ cursor }),
    signal,
  });
  if (!response.ok) throw await refusal("The distributor", response);
  await response.arrayBuffer();
}

async function refusal(who: string, response: Response): Promise<UserError> {
  const said = (await Promise.race([response.text(), sleep(1000, "")])).slice(0, 500);
  return new UserError(
    `${who} answered ${response.status} to ${new URL(response.url).pathname}: ${said}`,
    "See its log: npx just logs",
  );
}
