import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { Refusal, wrongPath } from "@saasaparilla/shared/http/refusal.ts";
import { json, problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Target } from "@saasaparilla/shared/protocol/publication.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { route, type Call, type Needs, type Route } from "@saasaparilla/shared/http/routes.ts";
import type { PublicationEvents } from "./publication-events.ts";
import type { PublicationStatus, PublicationStore } from "./publication-store.ts";

export interface PublicationRoutesParts {
  publications: Pick<PublicationStore, "status" | "cancel">;
  /** Whether the caller may publish to all of these targets. */
  mayPublishTo: (caller: Identity, targets: readonly Target[]) => boolean;
  timeline: Pick<PublicationEvents, "cancelled">;
  /** Wakes the fan-out of this process: it ends what was cancelled. */
  begun: () => void;
  sleep: (ms: number) => Promise<unknown>;
}

const ID_FORM = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
/** A page that is under way ends within this time, if Kafka and Postgres answer. */
const CANCEL_TRIES = 40;
const CANCEL_MS = 250;

const needs = (): Needs => ({ scope: "publish" });

/** What became of publications to groups and exchanges, and of delayed ones. They are kept for seven days. */
export function publicationRoutes(parts: PublicationRoutesParts): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/publications/:id",
      needs,
      async handle(call) {
        const { id, status } = await find(call, parts);
        return json(200, toJson(id, status));
      },
    }),
    route({
      method: "delete",
      path: "/v1/publications/:id",
      needs,
      handle: (call) => cancel(call, parts),
    }),
  ];
}

/** Waits until the page under way is counted, so that the answer is exact. */
async function cancel(call: Call, parts: PublicationRoutesParts): Promise<HttpResponse> {
  const { publications, timeline, begun, sleep } = parts;
  const { tenant } = call.caller;
  const { id, status: before } = await find(call, parts);
  if (before.state === "done" || before.state === "skipped") return alreadyWritten(before);
  await publications.cancel(tenant, id);
  timeline.cancelled(before.head, call.caller.subject);
  begun();
  for (let tries = 0; ; tries += 1) {
    const status = await publications.status(tenant, id);
    if (!status) return notFound(id);
    if (status.state === "done") return alreadyWritten(status);
    if (status.state === "cancelled" || tries === CANCEL_TRIES)
      return json(status.state === "cancelled" ? 200 : 202, toJson(id, status));
    await sleep(CANCEL_MS);
  }
}

/** Who may not publish to its targets learns nothing of it. */
async function find(
  call: Call,
  { publications, mayPublishTo }: PublicationRoutesParts,
): Promise<{ id: string; status: PublicationStatus }> {
  const id = (call.names[0] ?? "").toLowerCase();
  if (!ID_FORM.test(id)) throw new Refusal(wrongPath("id"));
  const status = await publications.status(call.caller.tenant, id);
  if (!status || !mayPublishTo(call.caller, [status.head.to])) throw new Refusal(notFound(id));
  return { id, status };
}

function toJson(id: string, { state, written, refused, due, reason, head }: PublicationStatus): object {
  return {
    id,
    state,
    written,
    refused,
    due: new Date(due).toISOString(),
    to: head.to,
    ...(reason === null ? {} : { reason }),
  };
}

function alreadyWritten({ written }: PublicationStatus): HttpResponse {
  const detail = `The publication has ended, with ${written} notifications. To withdraw them, publish a retract with their collapse key.`;
  const problem = problemOf("already-written", detail);
  return { ...problemResponse(problem), body: JSON.stringify({ ...problem, written }) };
}

function notFound(id: string): HttpResponse {
  const detail = `Your tenant has no publication ${id}, or it ended more than seven days ago. Direct publications to clients and queues have no state.`;
  return problemResponse(problemOf("not-found", detail));
}
