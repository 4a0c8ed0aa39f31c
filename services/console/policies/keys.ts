import { rowSchemas, type RowOf } from "@saasaparilla/shared/auth/policies/schema.ts";
import { newApiKey } from "@saasaparilla/shared/auth/tokens/api-keys.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { notFound, Refusal } from "#api/responses.ts";
import { listed, mustExist, show, write } from "#api/resource.ts";
import type { ConsoleParts } from "./crud-routes.ts";
import { route, type Call, type Route } from "#api/routes.ts";

const YEARS_10 = 10 * 366 * 24 * 60 * 60;
const MONTH = 31 * 24 * 60 * 60;
const DAY = 24 * 60 * 60;

const { name, scopes, clients, targets } = rowSchemas.key.shape;
const asked = z.strictObject({
  name,
  scopes,
  clients,
  targets,
  /** Seconds; without it, until it is revoked. */
  expiresIn: z.exactOptional(z.int().min(1).max(YEARS_10)),
});
const rotation = z.strictObject({ overlapSeconds: z.int().min(0).max(MONTH).default(DAY) });

const made = z.looseObject({
  id: z.string(),
  key: z.string().meta({ description: "The key. It is shown only in this response." }),
});

const PATH = "/v1/tenants/:tenant/keys";

/** API keys: created here, shown once, stored as a hash. */
export function keyRoutes(parts: ConsoleParts): Route[] {
  const { policyStore, now } = parts;
  const find = async (tenant: string, id: string): Promise<RowOf<"key">> => {
    const row = await policyStore.find("key", tenant, id);
    if (!row) throw new Refusal(notFound("such key"));
    return row;
  };
  return [
    route({
      method: "GET",
      path: PATH,
      needs: "read",
      of: "tenant",
      summary: "List the API keys of a tenant, without their secrets",
      status: 200,
      answer: listed("key"),
      handle: async ({ tenant }) => json(200, { items: (await policyStore.list("key", tenant)).map(show) }),
    }),
    route({
      method: "POST",
      path: PATH,
      needs: "operate",
      of: "tenant",
      summary: "Create an API key. Only this response shows it",
      body: asked,
      status: 201,
      answer: made,
      handle: async (call, { expiresIn, ...rest }) => {
        const { tenant } = call;
        await mustExist(policyStore, tenant);
        const expires = expiresIn === undefined ? null : now() + expiresIn;
        return newKey(parts, call, { ...rest, expires });
      },
    }),
    route({
      method: "POST",
      path: `${PATH}/:id/rotate`,
      needs: "operate",
      of: "tenant",
      summary: "Create a key with the same rights. The old key stays valid for the overlap, by default one day",
      body: rotation,
      status: 201,
      answer: made,
      handle: async (call, { overlapSeconds }) => {
        const { tenant, id } = call;
        const { hash, created, ...rest } = await find(tenant, id);
        const end = Math.min(now() + overlapSeconds, rest.expires ?? Infinity);
        const old = {
          kind: "key",
          tenant,
          id,
          value: { ...rest, hash, created, expires: end },
          changes: true,
        } as const;
        return newKey(parts, call, rest, old);
      },
    }),
    route({
      method: "DELETE",
      path: `${PATH}/:id`,
      needs: "operate",
      of: "tenant",
      summary: "Delete a key. It stops working within a few seconds",
      status: 204,
      handle: async (call) => {
        const { tenant, id } = call;
        await find(tenant, id);
        await write(parts.documents, call, { kind: "key", tenant, id, value: null });
        return { status: 204 };
      },
    }),
  ];
}

type Old = { kind: "key"; tenant: string; id: string; value: RowOf<"key">; changes: true };

async function newKey(
  parts: ConsoleParts,
  call: Call,
  rest: Omit<RowOf<"key">, "hash" | "created">,
  ...old: Old[]
): Promise<HttpResponse> {
  const { tenant } = call;
  const { id, token, hash } = newApiKey(parts.environment);
  const value = { ...rest, hash, created: parts.now() };
  await write(parts.documents, call, ...old, { kind: "key", tenant, id, value });
  const { hash: _hash, ...shown } = value;
  const location = PATH.replace(":tenant", tenant);
  const headers = { "cache-control": "no-store", location: `${location}/${id}` };
  return json(201, { id, key: token, tenant, ...shown }, headers);
}
