import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { CLIENT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import { Refusal, wrongQuery } from "#api/responses.ts";
import { route, type Call, type Route } from "#api/routes.ts";
import { LISTENERS, type Transport } from "./listen.ts";
import type { Relay } from "./relay.ts";
import { publisherOf } from "./relay-routes.ts";
import type { Streams } from "./streams.ts";

/** Its identity at the distributor is valid as long as the stream can last. */
const STREAM_SECONDS = 3_700;

const notification = z.record(z.string(), z.unknown()).meta({
  description: "One notification, as the receiver takes it. `client` stands for `to: {client}`.",
});

/** Publish and subscribe in the name of an operator, who has no token of a publisher or of a client. */
export function tryRoutes(relay: Relay, streams: Streams, now: () => number): Route[] {
  return [
    route({
      method: "POST",
      path: "/v1/tenants/:tenant/try/publish",
      operation: "tryPublish",
      needs: "operate",
      of: "tenant",
      summary: "Publish one notification as an operator",
      query: { dryRun: "1: check it, and publish nothing." },
      body: notification,
      status: 200,
      handle: (call, { client, ...rest }) =>
        relay.ask(call, {
          service: "receiver",
          method: "POST",
          path: "/v1/notifications",
          query: new URLSearchParams(isDryRun(call) ? { dryRun: "true" } : {}),
          body: client === undefined ? rest : { to: { client }, ...rest },
          as: publisherOf(call),
        }),
    }),
    route({
      method: "GET",
      path: "/v1/tenants/:tenant/try/stream",
      operation: "tryStream",
      needs: "operate",
      of: "tenant",
      summary: "Connect as a client over one transport. Its notifications are shown and acknowledged",
      query: {
        client: "The client. What waits for it is acknowledged, so use one of your own.",
        transport: Object.keys(LISTENERS).join(", "),
      },
      status: 200,
      async handle(call) {
        const client = call.query.get("client") ?? "";
        if (!CLIENT_FORM.test(client)) throw new Refusal(wrongQuery("client", "a client's id"));
        const transport = call.query.get("transport") ?? "";
        if (!Object.hasOwn(LISTENERS, transport))
          throw new Refusal(wrongQuery("transport", Object.keys(LISTENERS).join(", ")));
        const as = subscriberOf(call, client, now());
        return streams.open(`${call.caller.tenant} ${call.caller.subject}`, (pane, ended) =>
          LISTENERS[transport as Transport]({
            urlOf: (path) => relay.urlOf("distributor", path),
            ticket: () => relay.ticket(call, "distributor", as),
            pane,
            ended,
          }),
        );
      },
    }),
  ];
}

function isDryRun({ query }: Call): boolean {
  const asked = query.get("dryRun");
  if (asked === null || asked === "0" || asked === "false") return false;
  if (asked === "1" || asked === "true") return true;
  // A mistake must not publish.
  throw new Refusal(wrongQuery("dryRun", "1 or 0"));
}

/** It may subscribe as this client only. It ends with the session at the latest. */
function subscriberOf({ caller, tenant }: Call, client: string, now: number): Identity {
  return {
    ...caller,
    tenant,
    subject: client,
    scopes: new Set(["subscribe"]),
    expires: Math.min(caller.expires, now + STREAM_SECONDS),
    issued: now,
    source: { kind: "console", platform: false },
  };
}
