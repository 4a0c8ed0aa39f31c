import type { Request } from "@saasaparilla/shared/http.ts";
import { json, type Reply } from "@saasaparilla/shared/reply.ts";
import { bearer } from "@saasaparilla/shared/identity.ts";
import { unavailable, type Doorkeeper } from "./doorkeeper.ts";
import { TICKET_SECONDS, type Tickets } from "./tickets.ts";

/** POST /v1/tickets: for a page whose EventSource can send no header. */
export async function issueTicket(request: Request, door: Doorkeeper, tickets: Tickets): Promise<Reply> {
  const token = bearer(request.headers.authorization);
  const identity = await door.identify(token, request);
  if ("status" in identity) return identity;
  try {
    return json(
      201,
      { ticket: await tickets.issue(token!), expiresIn: TICKET_SECONDS },
      { "cache-control": "no-store" },
    );
  } catch {
    // Redis is away, which its health says.
    return unavailable();
  }
}
