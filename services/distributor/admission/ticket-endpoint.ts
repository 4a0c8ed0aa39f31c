import type { Request } from "@saasaparilla/shared/http/request.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { bearer } from "@saasaparilla/shared/auth/identity.ts";
import { isResponse, type CallerGuard } from "@saasaparilla/shared/http/caller-guard.ts";
import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import { unavailable } from "./handshake.ts";
import { TICKET_SECONDS, type Tickets } from "./tickets.ts";

/** POST /v1/tickets: for pages whose EventSource cannot send headers. */
export async function issueTicket(
  request: Request,
  callerOf: CallerGuard<Identity>["callerOf"],
  tickets: Tickets,
): Promise<HttpResponse> {
  const identity = await callerOf(request);
  if (isResponse(identity)) return identity;
  try {
    return json(
      201,
      { ticket: await tickets.issue(bearer(request.headers.authorization)!), expiresIn: TICKET_SECONDS },
      { "cache-control": "no-store" },
    );
  } catch {
    // Redis is away, and its health reports that.
    return unavailable();
  }
}
