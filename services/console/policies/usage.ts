import { json } from "@saasaparilla/shared/http/response.ts";
import { USAGE_ORDERS, type TenantUse, type UsageOrder } from "@saasaparilla/shared/postgres/tenant-use.ts";
import { z } from "zod";
import { Refusal, wrongQuery } from "#api/responses.ts";
import { route, type Route } from "#api/routes.ts";

const MOST = 100;
const USUAL = 20;
const ORDERS = Object.keys(USAGE_ORDERS);

const count = z.int();
const answer = z.strictObject({
  items: z.array(
    z.strictObject({
      tenant: z.string(),
      stored: z
        .strictObject({
          notifications: count,
          bytes: count,
          clients: count.meta({ description: "As of the last count; an estimate if there are many millions." }),
          full: z
            .enum(["bytes", "clients"])
            .optional()
            .meta({ description: "The limit that the tenant has reached, so that publishing is refused." }),
        })
        .meta({ description: "Notifications stored for the tenant's clients." }),
      published: z
        .strictObject({ notifications: count, bytes: count })
        .meta({ description: "Per second, over all receivers, in the last few seconds." }),
      refused: z
        .record(z.string(), z.number())
        .meta({ description: "Refused requests per second, by limit, with the names of `publish_limited_total`." }),
    }),
  ),
});

/** The loudest tenants, for operators of the platform when something is slow or fills up. */
export function usageRoute(use: Pick<TenantUse, "top">): Route {
  return route({
    method: "GET",
    path: "/v1/loudest-tenants",
    needs: "read",
    of: "platform",
    summary: "List the tenants that store, publish or are refused most",
    query: {
      by: `The order: ${ORDERS.join(", ")}. The default is stored bytes.`,
      limit: `The largest number of tenants to return, 1 to ${MOST}. The default is ${USUAL}.`,
    },
    status: 200,
    answer,
    handle: async ({ query }) => {
      const by = query.get("by") ?? "bytes";
      if (!ORDERS.includes(by)) throw new Refusal(wrongQuery("by", `one of ${ORDERS.join(", ")}`));
      const asked = query.get("limit") ?? String(USUAL);
      const limit = /^\d{1,3}$/.test(asked) ? Number(asked) : 0;
      if (limit < 1 || limit > MOST) throw new Refusal(wrongQuery("limit", `a number from 1 to ${MOST}`));
      return json(200, { items: await use.top(by as UsageOrder, limit) });
    },
  });
}
