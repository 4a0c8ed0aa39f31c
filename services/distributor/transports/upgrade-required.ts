import type { Request } from "@saasaparilla/shared/http/request.ts";
import { problemOf } from "@saasaparilla/shared/http/problem.ts";
import { badHead, problemResponse, type HttpResponse } from "@saasaparilla/shared/http/response.ts";

const VERSION = "13";
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * The answer to a request for /v1/ws that is no WebSocket upgrade (RFC 6455, 4.2). The library checks only the key's
 * length.
 */
export function notAnUpgrade({ headers }: Pick<Request, "headers">): HttpResponse | undefined {
  const version = headers["sec-websocket-version"];
  if (!names(headers["upgrade"], "websocket") || !names(headers["connection"], "upgrade"))
    return upgradeRequired("GET /v1/ws accepts only WebSocket upgrades. Without WebSocket, use /v1/sse or /v1/poll.");
  if (version !== VERSION) return upgradeRequired(`Send one header Sec-WebSocket-Version with the value ${VERSION}.`);
  if (!KEY.test(headers["sec-websocket-key"] ?? ""))
    return badHead("Send one header Sec-WebSocket-Key with 16 bytes in base64.");
  return undefined;
}

/** RFC 9110, 15.5.22 and 7.8; RFC 6455, 4.4. */
function upgradeRequired(detail: string): HttpResponse {
  const response = problemResponse(problemOf("upgrade-required", detail));
  return {
    ...response,
    headers: { ...response.headers, upgrade: "websocket", connection: "upgrade", "sec-websocket-version": VERSION },
  };
}

function names(list: string | undefined, token: string): boolean {
  return list !== undefined && list.split(",").some((one) => one.trim().toLowerCase() === token);
}
