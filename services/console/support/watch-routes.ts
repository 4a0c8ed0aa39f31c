import { FOLLOWED_FORMAT } from "@saasaparilla/shared/protocol/format.ts";
import { TENANT_ROW, type RowOf } from "@saasaparilla/shared/auth/policies/schema.ts";
import type { PolicyStore } from "@saasaparilla/shared/auth/policies/store.ts";
import { MOST_WATCHES, type Watch } from "@saasaparilla/shared/auth/policies/timeline-setting.ts";
import { subjectProblem } from "@saasaparilla/shared/auth/subject.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { writtenBy } from "#api/audit-changes.ts";
import { conflict, notFound, Refusal, upgradeUnfinished } from "#api/responses.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import { iso } from "./notification-json.ts";
import { isClientId } from "./support-parts.ts";

export interface WatchParts {
  policyStore: Pick<PolicyStore, "find" | "alter">;
  refresh: () => Promise<void>;
  format: () => number;
  /** Seconds since 1970. */
  seconds: () => number;
}

const WEEK = 7 * 24 * 60 * 60;
const CLIENT = "client:";
const PUBLISHER = "publisher:";
const PATH = "/v1/tenants/:tenant/watches";

type Tenant = RowOf<"tenant">;

const shown = z.strictObject({
  id: z.string().meta({ description: "`client:NAME` or `publisher:NAME`." }),
  until: z.iso.datetime(),
});
const body = z.strictObject({
  seconds: z.int().min(1).max(WEEK).meta({ description: "The length of the watch, from now. One week at most." }),
});

/** A watch follows all notifications of a client or a publisher for a while. It is a part of the tenant's document. */
export function watchRoutes(parts: WatchParts): Route[] {
  const { policyStore, seconds } = parts;
  const watches = async (tenant: string): Promise<Watch[]> => {
    const row = await policyStore.find("tenant", tenant, TENANT_ROW);
    if (!row) throw new Refusal(notFound("such tenant"));
    return present(row, seconds());
  };
  return [
    route({
      method: "GET",
      path: PATH,
      needs: "read",
      of: "tenant",
      summary: "List the watches of a tenant",
      status: 200,
      answer: z.strictObject({ items: z.array(shown) }),
      handle: async ({ tenant }) => json(200, { items: (await watches(tenant)).map(watchJson) }),
    }),
    route({
      method: "GET",
      path: `${PATH}/:id`,
      isId: isWatchId,
      needs: "read",
      of: "tenant",
      summary: "Get one watch",
      status: 200,
      answer: shown,
      async handle({ tenant, id }) {
        const found = (await watches(tenant)).find((watch) => idOf(watch) === id);
        return found ? json(200, watchJson(found)) : notFound("such watch");
      },
    }),
    route({
      method: "PUT",
      path: `${PATH}/:id`,
      isId: isWatchId,
      needs: "operate",
      of: "tenant",
      summary: "Follow all notifications of a client (client:NAME) or a publisher (publisher:NAME) for some seconds",
      body,
      status: 200,
      answer: shown,
      async handle(call, asked) {
        const watch = watchOf(call.id, seconds() + asked.seconds);
        await alter(parts, call, (others) => [...others, watch]);
        return json(200, watchJson(watch));
      },
    }),
    route({
      method: "DELETE",
      path: `${PATH}/:id`,
      isId: isWatchId,
      needs: "operate",
      of: "tenant",
      summary: "End a watch. Notifications that are followed already stay followed",
      status: 204,
      async handle(call) {
        if (!(await watches(call.tenant)).some((watch) => idOf(watch) === call.id)) return notFound("such watch");
        await alter(parts, call, (others) => others);
        return { status: 204 };
      },
    }),
  ];
}

/** `others`: the present watches without the one of this call. Those that have ended leave the document. */
async function alter(
  { policyStore, refresh, format, seconds }: WatchParts,
  { tenant, id, written }: Pick<Call, "tenant" | "id" | "written">,
  edit: (others: Watch[]) => Watch[],
): Promise<void> {
  if (format() < FOLLOWED_FORMAT) throw new Refusal(upgradeUnfinished(FOLLOWED_FORMAT, format()));
  const place = { kind: "tenant", tenant, id: TENANT_ROW } as const;
  const { before, value } = await policyStore.alter(place, (row) => {
    if (!row) throw new Refusal(notFound("such tenant"));
    const watches = edit(present(row, seconds()).filter((watch) => idOf(watch) !== id));
    if (watches.length > MOST_WATCHES)
      throw new Refusal(conflict(`A tenant can have at most ${MOST_WATCHES} watches. End one first.`));
    const { watches: _, ...rest } = row;
    return watches.length > 0 ? { ...rest, watches } : rest;
  });
  written.push(writtenBy({ ...place, value }, before));
  // It is written. A failure to read it here yet does not fail the request.
  await refresh().catch(() => undefined);
}

/** For the deletion of a client: its name is then in no watch. */
export async function forgetWatch(
  parts: WatchParts,
  call: Pick<Call, "tenant" | "written">,
  client: string,
): Promise<number> {
  const id = `${CLIENT}${client}`;
  const row = await parts.policyStore.find("tenant", call.tenant, TENANT_ROW);
  if (!row?.watches?.some((watch) => idOf(watch) === id)) return 0;
  await alter(parts, { ...call, id }, (others) => others);
  return 1;
}

const present = ({ watches = [] }: Tenant, now: number): Watch[] => watches.filter(({ until }) => until > now);

const idOf = (watch: Watch): string =>
  "client" in watch ? `${CLIENT}${watch.client}` : `${PUBLISHER}${watch.publisher}`;

const watchJson = (watch: Watch): object => ({ id: idOf(watch), until: iso(watch.until * 1_000) });

function isWatchId(id: string): boolean {
  if (id.startsWith(CLIENT)) return isClientId(id.slice(CLIENT.length));
  return id.startsWith(PUBLISHER) && subjectProblem(id.slice(PUBLISHER.length)) === undefined;
}

function watchOf(id: string, until: number): Watch {
  return id.startsWith(CLIENT)
    ? { client: id.slice(CLIENT.length), until }
    : { publisher: id.slice(PUBLISHER.length), until };
}
