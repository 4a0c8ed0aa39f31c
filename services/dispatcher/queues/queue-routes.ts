import type { QueueMessage } from "@saasaparilla/shared/postgres/queue-store.ts";
import { jittered, problemOf } from "@saasaparilla/shared/http/problem.ts";
import { json, problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { route, type Call, type Needs, type Route } from "@saasaparilla/shared/http/routes.ts";
import { listResponse } from "@saasaparilla/shared/http/list-response.ts";
import { messageJson } from "./message-json.ts";
import { claimBody, extensionBody, limitIn, queueIn, receiptsBody, waitMsIn } from "./queue-requests.ts";
import type { Queues } from "./queues.ts";
import { Receipts } from "./receipts.ts";

const needs = (queue: string): Needs => ({ scope: "consume", target: `queue/${queue}` });

export function queueRoutes(queues: Queues): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/queues/:queue/messages",
      needs,
      async handle(call) {
        const queue = queueIn(call);
        const { request } = call;
        const page = await queues.read(queue, limitIn(request), waitMsIn(request), goneSignal(request));
        return messagesResponse(new Receipts(queue), page.messages, false, `,"more":${page.more}`);
      },
    }),
    route({
      method: "post",
      path: "/v1/queues/:queue/claims",
      needs,
      body: claimBody,
      async handle(call, { limit, seconds }) {
        const queue = queueIn(call);
        const { messages, quarantineFull } = await queues.claim(queue, limit, seconds ?? queues.claimSeconds(queue));
        if (quarantineFull && messages.length === 0) return quarantineFullResponse();
        return messagesResponse(new Receipts(queue), messages, true);
      },
    }),
    route({
      method: "post",
      path: "/v1/queues/:queue/confirmations",
      needs,
      body: receiptsBody,
      async handle(call, { receipts }) {
        const queue = queueIn(call);
        const { known, unknown } = sorted(receipts, new Receipts(queue));
        const sequences = [...new Set(known.map(({ sequence }) => sequence))];
        const missing = new Set(await queues.confirm(queue, sequences));
        for (const { receipt, sequence } of known) if (missing.has(sequence)) unknown.push(receipt);
        return json(200, { confirmed: sequences.length - missing.size, unknown });
      },
    }),
    route({
      method: "post",
      path: "/v1/queues/:queue/releases",
      needs,
      body: receiptsBody,
      handle: (call, { receipts }) => renew(queues, call, { receipts, seconds: 0 }),
    }),
    route({
      method: "post",
      path: "/v1/queues/:queue/extensions",
      needs,
      body: extensionBody,
      handle: (call, extension) => renew(queues, call, extension),
    }),
  ];
}

interface Renewal {
  receipts: readonly string[];
  seconds?: number;
}

/** `seconds` 0 releases. */
async function renew(queues: Queues, call: Call, { receipts, seconds: asked }: Renewal): Promise<HttpResponse> {
  const queue = queueIn(call);
  const seconds = asked ?? queues.claimSeconds(queue);
  const read = new Receipts(queue);
  const { known, unknown } = sorted(receipts, read);
  const claims = known.flatMap(({ receipt, sequence, attempts }) => {
    if (attempts !== undefined) return [{ sequence, attempts, seconds }];
    // A reader has no claim.
    unknown.push(receipt);
    return [];
  });
  const action = seconds === 0 ? "released" : "extended";
  const ended = await queues.renew(queue, claims, action);
  for (const { sequence, attempts } of ended) unknown.push(read.of(sequence, attempts));
  return json(200, { [action]: claims.length - ended.length, unknown });
}

/** Each receipt once. One of another queue is unknown. */
function sorted(receipts: readonly string[], read: Receipts) {
  const known: { receipt: string; sequence: string; attempts: number | undefined }[] = [];
  const unknown: string[] = [];
  for (const receipt of new Set(receipts)) {
    const found = read.read(receipt);
    if (found) known.push({ receipt, ...found });
    else unknown.push(receipt);
  }
  return { known, unknown };
}

function messagesResponse(
  receipts: Receipts,
  messages: readonly QueueMessage[],
  claimed: boolean,
  more = "",
): HttpResponse {
  const items = messages.map((message) =>
    messageJson(message, receipts.of(message.sequence, claimed ? message.attempts : undefined)),
  );
  return listResponse("messages", items, more);
}

export function goneSignal(request: Request): AbortSignal {
  const gone = new AbortController();
  request.onGone = () => gone.abort();
  return gone.signal;
}

function quarantineFullResponse(): HttpResponse {
  const detail =
    "The next messages failed their last attempt, and your tenant's quarantine is full. Redrive messages from the quarantine first.";
  return problemResponse(problemOf("unavailable", detail, { retryAfter: jittered(20, 60) }));
}
