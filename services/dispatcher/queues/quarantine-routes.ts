import { endingOf } from "@saasaparilla/shared/auth/audit-ending.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import { problemOf, shorten } from "@saasaparilla/shared/http/problem.ts";
import { Refusal, wrongPath, wrongQuery } from "@saasaparilla/shared/http/refusal.ts";
import { json, problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { KafkaLink, Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import { REDRIVEN } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { Quarantine, Quarantined, QuarantinePlace } from "@saasaparilla/shared/postgres/quarantine.ts";
import { partitionOf, TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { Kind, notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import { packOf } from "@saasaparilla/shared/protocol/pack-writer.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import { route, type Call, type Needs, type Route } from "@saasaparilla/shared/http/routes.ts";
import { listResponse } from "@saasaparilla/shared/http/list-response.ts";
import { numberIn } from "@saasaparilla/shared/http/query-number.ts";

export interface QuarantineParts {
  quarantine: Quarantine;
  guard: Pick<Guard, "ended">;
  kafka: Pick<KafkaLink, "present">;
  /** Sends once: the operator repeats the request. */
  send: (records: Outgoing[]) => Promise<number[]>;
  /** The name of accepted. */
  topic: string;
  events: Events;
  log: Log;
}

const LIMIT = 50;
const MOST = 200;
const PAGE_BYTES = 1 << 20;
const SOURCES_SHOWN = 10;
const SOURCE_FORM = /^queue\/[\w.:-]{1,100}$/;
const ID_FORM = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export function quarantineRoutes(parts: QuarantineParts): Route[] {
  const { quarantine, guard } = parts;
  return [
    route({
      method: "get",
      path: "/v1/quarantine",
      needs: (_, { query }): Needs => ({ scope: "read", tenant: query.get("tenant") ?? undefined }),
      async handle(call) {
        const { query } = call.request;
        const limit = numberIn(query, "limit", { least: 1, most: MOST, otherwise: LIMIT });
        const found = await quarantine.list(tenantIn(call), afterIn(query), limit + 1);
        const shown = bounded(found.slice(0, limit));
        const last = shown.at(-1);
        const next = shown.length < found.length ? `,"next":"${last!.id},${last!.source}"` : "";
        return listResponse("items", shown.map(quarantinedJson), next);
      },
    }),
    route({
      method: "post",
      path: "/v1/quarantine/:id/redrive",
      needs: (_, { query }): Needs => ({ scope: "operate", tenant: query.get("tenant") ?? undefined }),
      async handle(call) {
        const tenant = tenantIn(call);
        const [id = ""] = call.names;
        if (!ID_FORM.test(id)) throw new Refusal(wrongPath("id"));
        const [found, ...others] = await quarantine.find(tenant, id, sourceIn(call.request.query), SOURCES_SHOWN);
        if (!found) return notFound(id);
        if (others.length > 0) throw new Refusal(wrongQuery("source", oneOf([found, ...others])));
        return redrive(tenant, found, parts);
      },
      ended: ({ caller, request }, response) => guard.ended(caller, "operate", request, endingOf(response)),
    }),
  ];
}

/** It is sent before it is removed: a repeat may deliver it twice, with the same id. */
async function redrive(tenant: string, found: Quarantined, parts: QuarantineParts): Promise<HttpResponse> {
  const { quarantine, kafka, send, topic, log } = parts;
  const { id, source, body } = found;
  const partitions = (await kafka.present([topic])).get(topic) ?? 0;
  const partition = partitionOf(notificationBody.key(body), partitions);
  const [offset] = await send([
    { topic, partition, value: packOf(Kind.NOTIFICATION, body), headers: { [REDRIVEN]: id } },
  ]);
  await quarantine.remove(tenant, found);
  parts.events.record("redriven", notificationBody.key(body), id, { offset: offset! });
  log.info({ tenant, notification: id, source }, "message of the quarantine redriven");
  return json(200, { redriven: id, source });
}

function quarantinedJson({ source, reason, at, body }: Quarantined): Buffer[] {
  const event = notificationBody.event(body);
  const headers = notificationBody.options(body)?.headers;
  const members =
    `{"id":"${notificationBody.id(body)}","source":"${source}","reason":${JSON.stringify(reason)},` +
    `"at":"${at.toISOString()}",` +
    (event === "" ? "" : `"event":"${event}",`) +
    (headers === undefined ? "" : `"headers":${headers},`) +
    `"data":`;
  return [Buffer.from(members), notificationBody.payload(body), Buffer.from("}")];
}

/** The first ones, up to the one that reaches the limit of bytes. */
function bounded(found: readonly Quarantined[]): Quarantined[] {
  let bytes = 0;
  const end = found.findIndex(({ body }) => (bytes += body.length) >= PAGE_BYTES);
  return found.slice(0, end < 0 ? found.length : end + 1);
}

/** `next` of the page before, or an id alone: behind all messages with it. */
function afterIn(query: URLSearchParams): QuarantinePlace | undefined {
  const after = query.get("after") ?? undefined;
  if (after === undefined) return undefined;
  const [id = "", source, ...rest] = after.split(",");
  if (!ID_FORM.test(id) || rest.length > 0) throw new Refusal(wrongQuery("after", "`next` of the page before"));
  return { id, ...(source !== undefined && { source }) };
}

function sourceIn(query: URLSearchParams): string | undefined {
  const source = query.get("source") ?? undefined;
  if (source !== undefined && !SOURCE_FORM.test(source)) throw new Refusal(wrongQuery("source", "as queue/jobs"));
  return source;
}

function oneOf(found: readonly Quarantined[]): string {
  return `one of those that have a message with this id: ${found.map(({ source }) => source).join(", ")}`;
}

function tenantIn({ caller, request }: Call): string {
  const tenant = request.query.get("tenant") ?? caller.tenant;
  if (!TENANT_FORM.test(tenant)) throw new Refusal(wrongQuery("tenant", "the name of a tenant"));
  return tenant;
}

function notFound(id: string): HttpResponse {
  return problemResponse(problemOf("not-found", `The quarantine of this tenant has no message ${shorten(id)}.`));
}
