import type { Close, Context, Cursor, Ending } from "./wire.ts";

/** What the three transports share of HTTP. */
export function address(
  { base }: Pick<Context, "base">,
  path: string,
  query: Record<string, string | undefined> = {},
): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/v1/${path}`;
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

export function authorization({ token }: Pick<Context, "token">): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

/** R22: everything up to the cursor was handled. */
export async function postAck(context: Context, cursor: Cursor, signal?: AbortSignal): Promise<void> {
  const response = await post(context, { cursor }, signal);
  if (!response.ok) throw new Error(`The acknowledgement was answered ${response.status}.`);
}

/**
 * Why a WebSocket was not opened: a browser does not tell. POST /v1/acks without a cursor changes nothing, and says
 * whether it is the network, a server that takes in nobody, the token, or the WebSocket alone (R9).
 */
export async function whyNot(context: Context, signal: AbortSignal): Promise<Ending> {
  try {
    const response = await post(context, {}, signal);
    if (response.status === 400 || response.ok) return { reason: "WebSockets do not get through", reconnect: "other" };
    return refusal(response);
  } catch (error) {
    return lost(error);
  }
}

/** What an answer that is no stream and no list asks for. */
export function refusal(response: Response): Ending {
  const reason = `answered ${response.status}`;
  if (response.status === 401 || response.status === 403) return { reason: "forbidden", reconnect: "token" };
  if (response.status === 400) return { reason, reconnect: "no" };
  if (response.status < 500 && response.status !== 429 && response.status !== 408)
    return { reason, reconnect: "other" };
  const seconds = Number(response.headers.get("retry-after"));
  return { reason, reconnect: "later", ...(seconds > 0 && { retryAfter: seconds }) };
}

export function lost(error: unknown): Ending {
  return { reason: error instanceof Error ? error.message : String(error), reconnect: "later" };
}

export function ended({ reason, reconnect, retryAfter }: Close): Ending {
  return { reason, reconnect, ...(retryAfter !== undefined && { retryAfter }) };
}

async function post(context: Context, body: object, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(address(context, "acks"), {
    method: "POST",
    headers: { ...authorization(context), "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  await response.arrayBuffer();
  return response;
}
