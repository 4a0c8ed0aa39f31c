import type { Request } from "@saasaparilla/shared/http/request.ts";
import { json, type HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { bearer } from "@saasaparilla/shared/auth/identity.ts";
import { unavailable } from "./handshake.ts";
import { TICKET_SECONDS, type Tickets } from "./tickets.ts";

/** POST /v1/tickets: for pages whose EventSource cannot send headers. Its guard has checked the token. */
export async function issueTicket(request: Request, tickets: Tickets): Promise<HttpResponse> {
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
