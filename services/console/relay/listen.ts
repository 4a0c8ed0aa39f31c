import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from "@saasaparilla/shared/protocol/client-frames.ts";
import type { Pane } from "./streams.ts";

/** A connection to a distributor as a client. */
export interface Listening {
  urlOf: (path: string) => URL;
  /** A new credential, which works once. */
  ticket: () => Promise<string>;
  pane: Pane;
  ended: AbortSignal;
}

type Frame = Record<string, unknown> & { type?: string; cursor?: string };

const POLL_SECONDS = 20;

export const LISTENERS = { websocket, sse, poll } as const;
export type Transport = keyof typeof LISTENERS;

async function websocket({ urlOf, ticket, pane, ended }: Listening): Promise<void> {
  const url = urlOf("/v1/ws?ack=explicit");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url, [SUBPROTOCOL, `${TOKEN_SUBPROTOCOL}${await ticket()}`]);
  await new Promise<void>((done) => {
    ended.addEventListener("abort", () => socket.close());
    if (ended.aborted) socket.close();
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      const items = frame.type === "notifications" ? (frame.items as Frame[]) : [frame];
      for (const one of items) pane.send(one.type ?? "message", one);
      const cursor = items.findLast(({ type }) => type === "notification")?.cursor;
      if (cursor !== undefined) socket.send(JSON.stringify({ type: "ack", cursor }));
    });
    let open = true;
    const end = (why: object): void => {
      if (open) pane.send("ended", why);
      open = false;
      done();
    };
    // A handshake that fails ends with an error alone, without a close.
    socket.addEventListener("error", () => end({ reason: "the distributor refused the connection, or it broke" }));
    socket.addEventListener("close", ({ code, reason }) => end({ code, reason }));
  });
}

async function sse({ urlOf, ticket, pane, ended }: Listening): Promise<void> {
  const headers = { authorization: `Bearer ${await ticket()}` };
  const response = await fetch(urlOf("/v1/sse?ack=explicit"), { headers, signal: ended, redirect: "error" });
  if (!response.ok || !response.body) {
    pane.send("problem", await problemOf(response));
    return;
  }
  let text = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (text + chunk).split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      const frame = frameOf(event);
      if (!frame) continue;
      pane.send(frame.type ?? "message", frame);
      if (frame.type === "notification") await acknowledge({ urlOf, ticket, ended }, frame.cursor);
    }
  }
  pane.send("ended", { reason: "the distributor ended the stream" });
}

/** SSE itself cannot acknowledge. */
async function acknowledge(
  { urlOf, ticket, ended }: Pick<Listening, "urlOf" | "ticket" | "ended">,
  cursor: unknown,
): Promise<void> {
  const headers = { authorization: `Bearer ${await ticket()}`, "content-type": "application/json" };
  const body = JSON.stringify({ cursor });
  const response = await fetch(urlOf("/v1/acks"), { method: "POST", headers, body, signal: ended });
  await response.arrayBuffer();
}

/** The next poll acknowledges what this one brought. The first empty answer means that everything stored was sent. */
async function poll({ urlOf, ticket, pane, ended }: Listening): Promise<void> {
  let cursor: string | undefined;
  let live = false;
  while (!ended.aborted) {
    const wait = String(live ? POLL_SECONDS : 0);
    const query = new URLSearchParams({ wait, ...(cursor !== undefined && { cursor }) });
    const headers = { authorization: `Bearer ${await ticket()}` };
    const response = await fetch(urlOf(`/v1/poll?${query}`), { headers, signal: ended, redirect: "error" });
    if (!response.ok) {
      pane.send("problem", await problemOf(response));
      return;
    }
    const answer = (await response.json()) as { notifications: Frame[]; cursor: string; closing?: Frame };
    if (cursor === undefined) pane.send("connected", { type: "connected", cursor: answer.cursor });
    cursor = answer.cursor;
    for (const one of answer.notifications) pane.send(one.type ?? "notification", one);
    if (answer.closing) {
      pane.send("closing", answer.closing);
      return;
    }
    if (!live && answer.notifications.length === 0) {
      live = true;
      pane.send("live", { type: "live" });
    }
  }
}

function frameOf(event: string): Frame | undefined {
  const lines = event.split("\n");
  const data = lines.flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trimStart()] : []));
  if (data.length === 0) return undefined;
  const named = lines
    .find((line) => line.startsWith("event:"))
    ?.slice(6)
    .trim();
  const frame = JSON.parse(data.join("\n")) as Frame;
  return { ...frame, type: frame.type ?? named ?? "message" };
}

async function problemOf(response: Response): Promise<unknown> {
  const text = (await response.text()).slice(0, 4_096);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return { status: response.status, title: response.statusText };
  }
}
