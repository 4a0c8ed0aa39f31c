import type { Identity } from "@saasaparilla/shared/auth/identity.ts";
import type { RelayTickets } from "@saasaparilla/shared/auth/relay-tickets.ts";
import type { HttpResponse } from "@saasaparilla/shared/http/response.ts";
import { unavailable } from "#api/responses.ts";
import type { Call } from "#api/routes.ts";

const PATIENCE_MS = 12_000;
const MOST_BYTES = 8 << 20;
/** Headers of an answer that reach the page. Cookies and challenges of another service never do. */
const PASSED = ["content-type", "retry-after"];

export type RelayedService = "receiver" | "distributor" | "director" | "courier" | "dispatcher";

export interface RelayedRequest {
  service: RelayedService;
  method: string;
  /** Each part is encoded. */
  path: string;
  query?: URLSearchParams;
  body?: unknown;
  /** The caller in whose name the service is asked. By default the caller itself. */
  as?: Identity;
}

interface Parts {
  addresses: Readonly<Record<RelayedService, string>>;
  tickets: Pick<RelayTickets, "issue">;
}

/** Asks other services in the name of a caller, so that no page needs another origin or a token. */
export class Relay {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The credential that one service accepts once, in the name of this caller. */
  async ticket({ caller, request }: Call, service: RelayedService, as: Identity = caller): Promise<string> {
    return this.#parts.tickets.issue({ identity: as, address: request.address }, service);
  }

  urlOf(service: RelayedService, path: string, query?: URLSearchParams): URL {
    return new URL(query && query.size > 0 ? `${path}?${query}` : path, this.#parts.addresses[service]);
  }

  async ask(call: Call, { service, method, path, query, body, as }: RelayedRequest): Promise<HttpResponse> {
    const authorization = `Bearer ${await this.ticket(call, service, as)}`;
    try {
      const response = await fetch(this.urlOf(service, path, query), {
        method,
        headers: { authorization, ...(body !== undefined && { "content-type": "application/json" }) },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: "error",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const headers = Object.fromEntries(
        PASSED.flatMap((name) => {
          const value = response.headers.get(name);
          return value === null ? [] : [[name, value]];
        }),
      );
      return { status: response.status, headers, body: await bounded(response) };
    } catch {
      return unavailable(`The ${service} does not answer. A change may have been made.`);
    }
  }
}

async function bounded(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
