import { CLIENT_FORM, NAME_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { Refusal, wrongPath, wrongQuery } from "@saasaparilla/shared/http/refusal.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import type { Request } from "@saasaparilla/shared/http/request.ts";
import { route, type Call, type Needs, type Route } from "@saasaparilla/shared/http/routes.ts";
import { z } from "zod";
import type { MemberStore } from "./member-store.ts";

/** Changes of one request. */
const MOST_CHANGES = 1_000;
const LIMIT = 100;
const MOST_LISTED = 1_000;
const MOST_COUNTED = 10_000_000;

const clients = z.array(z.string().regex(CLIENT_FORM, "the id of a client")).max(MOST_CHANGES);

export const changesBody = z
  .strictObject({ add: clients.default([]), remove: clients.default([]) })
  .refine(({ add, remove }) => add.length + remove.length >= 1, "name at least one client in add or remove")
  .refine(({ add, remove }) => add.length + remove.length <= MOST_CHANGES, `name at most ${MOST_CHANGES} clients`)
  .refine(({ add, remove }) => !add.some((client) => remove.includes(client)), "the same client is in add and remove")
  .meta({ description: "Clients to add to the group, and clients to remove from it." });

/** Who may publish to a group may change its members. */
const needs = (group: string): Needs => ({ scope: "publish", target: `group/${group}` });

export function groupRoutes(members: MemberStore): Route[] {
  return [
    route({
      method: "get",
      path: "/v1/groups/:group",
      needs,
      async handle(call) {
        const group = groupIn(call);
        return json(200, { group, members: await members.count(call.caller.tenant, group, MOST_COUNTED) });
      },
    }),
    route({
      method: "get",
      path: "/v1/groups/:group/members",
      needs,
      handle: (call) => list(members, call),
    }),
    route({
      method: "post",
      path: "/v1/groups/:group/members",
      needs,
      body: changesBody,
      async handle(call, { add, remove }) {
        const changed = await members.change(call.caller.tenant, groupIn(call), { add, remove });
        return json(200, changed);
      },
    }),
    route({
      method: "put",
      path: "/v1/groups/:group/members/:client",
      needs,
      async handle(call) {
        await members.change(call.caller.tenant, groupIn(call), { add: [clientIn(call)], remove: [] });
        return NO_CONTENT;
      },
    }),
    route({
      method: "delete",
      path: "/v1/groups/:group/members/:client",
      needs,
      async handle(call) {
        await members.change(call.caller.tenant, groupIn(call), { add: [], remove: [clientIn(call)] });
        return NO_CONTENT;
      },
    }),
    route({
      method: "delete",
      path: "/v1/groups/:group",
      needs,
      async handle(call) {
        await members.clear(call.caller.tenant, groupIn(call));
        return NO_CONTENT;
      },
    }),
  ];
}

const NO_CONTENT: HttpResponse = { status: 204 };

async function list(members: MemberStore, call: Call): Promise<HttpResponse> {
  const { tenant } = call.caller;
  const group = groupIn(call);
  const limit = limitIn(call.request);
  const after = call.request.query.get("after") ?? "";
  if (after !== "" && !CLIENT_FORM.test(after)) throw new Refusal(wrongQuery("after", "a client's id from this list"));
  const page = await members.list(tenant, group, after, limit + 1);
  const shown = page.slice(0, limit);
  return json(200, { members: shown, ...(page.length > limit ? { next: shown.at(-1) } : {}) });
}

function groupIn({ names: [group = ""] }: Call): string {
  if (!NAME_FORM.test(group)) throw new Refusal(wrongPath("group"));
  return group;
}

function clientIn({ names: [, client = ""] }: Call): string {
  if (!CLIENT_FORM.test(client)) throw new Refusal(wrongPath("client"));
  return client;
}

function limitIn({ query }: Request): number {
  const text = query.get("limit") ?? String(LIMIT);
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST_LISTED)
    throw new Refusal(wrongQuery("limit", `a whole number from 1 to ${MOST_LISTED}`));
  return limit;
}
