import { guarded } from "@saasaparilla/shared/http/body-guard.ts";
import { CallerGuard } from "@saasaparilla/shared/http/caller-guard.ts";
import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { endingOf } from "@saasaparilla/shared/auth/audit-ending.ts";
import type { Guard } from "@saasaparilla/shared/auth/guard.ts";
import type { HttpServer } from "@saasaparilla/shared/http/server.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { json, problemResponse, unavailable, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { authenticateRequest, type CallerAnswers } from "@saasaparilla/shared/auth/authenticate-request.ts";
import { bearer, type Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { Incoming, KafkaLink, Outgoing } from "@saasaparilla/shared/kafka/client.ts";
import type { Log } from "@saasaparilla/shared/runtime/log.ts";
import type { Registry } from "@saasaparilla/shared/runtime/metrics.ts";
import { partitionOf } from "@saasaparilla/shared/protocol/notification.ts";
import { problemOf, shorten } from "@saasaparilla/shared/http/problem.ts";
import type { Topics } from "@saasaparilla/shared/kafka/topic-names.ts";
import { notificationBody } from "@saasaparilla/shared/protocol/pack.ts";
import type { Events } from "@saasaparilla/shared/timeline/event-log.ts";
import { notificationsIn } from "./ended-dead-letters.ts";
import { contentOf, summaryOf } from "./decode.ts";
import { inTime, type DeadLetterReader } from "./reader.ts";
import { DEAD_LETTERS_PARTITION, NOTHING, REDRIVEN } from "@saasaparilla/shared/kafka/dead-letters.ts";
import type { DirectorMetrics } from "#metrics.ts";

/** The API for operators of the platform. It covers all tenants, so tokens come from the platform's own issuer. */
export interface AdminApiOptions {
  guard: Guard;
  reader: DeadLetterReader;
  kafka: Pick<KafkaLink, "present">;
  /** Sends once: the operator repeats the request. No lane waits for this. */
  send: (records: Outgoing[]) => Promise<number[]>;
  topics: Topics;
  events: Events;
  metrics: Pick<DirectorMetrics, "redriven" | "forbade">;
  registry: Registry;
  log: Log;
}

const MOST = 500;
const ID = new RegExp(`^${DEAD_LETTERS_PARTITION}-(\\d{1,15})$`);
const START = "start";

export function serveAdminApi(server: HttpServer, options: AdminApiOptions): void {
  const { guard, reader, metrics, registry, log } = options;
  const ended = (request: Request, operator: Identity, response: HttpResponse): void => {
    if (request.method === "post") guard.ended(operator, "operate", request, endingOf(response));
  };
  const answers: CallerAnswers = {
    forbidden: "Send a token of the platform's own issuer that allows operating.",
    refused: (as) => as === "forbidden" && metrics.forbade(),
  };
  const callerGuard = new CallerGuard({
    registry,
    identify: (request) =>
      // No tenant is checked: one dead letter can hold notifications of several tenants.
      authenticateRequest(
        () => guard.pass(bearer(request.headers.authorization), "operate", request, { tenant: "" }),
        answers,
      ),
    refused: ended,
  });
  const operated = (handle: (request: Request, operator: Identity) => Promise<HttpResponse>) =>
    guarded(callerGuard, async (request, _, operator) => {
      const response = await handle(request, operator).catch((error: unknown) => {
        log.warn({ err: error, path: request.path }, "an operator's request failed");
        return unavailable(`${messageOf(error)} Try again.`);
      });
      ended(request, operator, response);
      return response;
    });
  server.get(
    "/v1/dead-letters",
    operated((request) => list(reader, request.query)),
  );
  server.get(
    "/v1/dead-letters/:id",
    operated(async ({ path }) => {
      const record = await find(reader, idIn(path));
      return record
        ? json(200, { ...summaryOf(record), content: contentOf(record.value ?? NOTHING) })
        : notFound(idIn(path));
    }),
  );
  server.post(
    "/v1/dead-letters/:id/redrive",
    1_024,
    operated(async ({ path }, { subject }) => {
      const record = await find(reader, idIn(path));
      return record ? redrive(record, subject, options) : notFound(idIn(path));
    }),
  );
}

function idIn(path: string): string {
  return path.split("/")[3] ?? "";
}

/** Without `after`: the newest. With "start": from the oldest on. */
async function list(reader: DeadLetterReader, query: URLSearchParams): Promise<HttpResponse> {
  const asked = query.get("limit") ?? "50";
  const limit = /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
  if (limit < 1 || limit > MOST)
    return wrong(`limit must be a number from 1 to ${MOST}, not ${JSON.stringify(shorten(asked))}.`);
  const after = query.get("after");
  const position = after === START ? -1 : Number(ID.exec(after ?? "")?.[1]);
  if (after !== null && Number.isNaN(position))
    return wrong(`after must be the id of a dead letter or "${START}", not ${JSON.stringify(shorten(after))}.`);
  const { first, end } = await reader.range();
  const from = Math.max(first, after === null ? end - limit : position + 1);
  const to = Math.min(end, from + limit);
  const deadLetters = await reader.read(from, to, summaryOf);
  return json(200, { deadLetters, ...(to < end ? { next: `${DEAD_LETTERS_PARTITION}-${to - 1}` } : {}) });
}

async function find(reader: DeadLetterReader, id: string): Promise<Incoming | undefined> {
  const offset = Number(ID.exec(id)?.[1]);
  if (Number.isNaN(offset)) return undefined;
  const { first, end } = await reader.range();
  if (offset < first || offset >= end) return undefined;
  const [found] = await reader.read(offset, offset + 1, (record) => record);
  return found;
}

async function redrive(
  record: Incoming,
  operator: string,
  { kafka, send, topics, events, metrics, log }: AdminApiOptions,
): Promise<HttpResponse> {
  const { id, topic, partition: source, notifications } = summaryOf(record);
  if (![topics.accepted, topics.control, topics.deferred, topics.dispatch].includes(topic))
    return conflict(`Its topic ${JSON.stringify(topic)} does not belong to this platform.`);
  const partitions = (await inTime(kafka.present([topic]))).get(topic) ?? 0;
  // The topic may have been repartitioned since. The client's current partition has its lane.
  const homes = new Set(notifications.map(({ client }) => partitionOf(client, partitions)));
  const partition = homes.size === 1 ? [...homes][0]! : source;
  if (!(partition < partitions)) return conflict(`The topic ${topic} no longer has a partition ${partition}.`);
  const [offset] = await send([{ topic, partition, value: record.value ?? NOTHING, headers: { [REDRIVEN]: id } }]);
  metrics.redriven();
  for (const body of notificationsIn(record.value ?? NOTHING))
    events.record("redriven", notificationBody.key(body), notificationBody.id(body), { offset: offset! });
  log.info({ deadLetter: id, topic, partition, offset, operator }, "dead letter redriven");
  return json(200, { redriven: id, topic, partition, offset });
}

const wrong = (detail: string): HttpResponse => problemResponse(problemOf("invalid-value", detail, { status: 400 }));

const notFound = (id: string): HttpResponse =>
  problemResponse(problemOf("not-found", `There is no dead letter ${JSON.stringify(shorten(id))}.`));

const conflict = (detail: string): HttpResponse => problemResponse(problemOf("cannot-redrive", detail));
