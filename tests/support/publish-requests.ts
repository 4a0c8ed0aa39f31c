import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { acceptedSchema, dryRunSchema } from "#services/receiver/api/openapi.ts";
import { problemSchema } from "@saasaparilla/shared/http/openapi/schemas.ts";
import { readAccepted } from "./accepted-records.ts";
import type { Service, Stack } from "./stack.ts";

interface Answer {
  status: number;
  headers: Headers;
  // Any answer; each test states the one that it expects.
  // oxlint-disable-next-line typescript/no-explicit-any
  body: any;
}

export interface Options {
  to?: Service;
  type?: string;
  headers?: Record<string, string>;
  /** The query, including its question mark. */
  query?: string;
}

export const item = (client: string, data: unknown = "x", more: object = {}): object => ({
  to: { client },
  data,
  ...more,
});
export const newKey = (): { "idempotency-key": string } => ({ "idempotency-key": `"${randomUUID()}"` });
export const replayed = ({ headers }: Pick<Answer, "headers">): string | null => headers.get("idempotency-replayed");
/** The id of each item, or the kind of its problem. */
export const verdicts = ({ body }: { body: { items: { id?: string; problem?: { type: string } }[] } }) =>
  body.items.map(({ id, problem }) => problem?.type.slice(10) ?? id);
export const client = (): string => `c-${randomUUID()}`;

const SCHEMAS: Record<number, { parse(body: unknown): unknown }> = { 200: dryRunSchema, 202: acceptedSchema };

/**
 * Requests as a publisher writes them, for tests of a receiver's answers. Each request calls `of`, because the stack
 * starts later.
 */
export function publishRequests(of: () => { stack: Stack; receiver: Service; token: string }) {
  async function publish(
    body: unknown,
    { to = of().receiver, type = "application/json", headers = {}, query = "" }: Options = {},
  ): Promise<Answer> {
    const response = await fetch(`${to.url}/v1/notifications${query}`, {
      method: "POST",
      headers: { "content-type": type, authorization: `Bearer ${of().token}`, ...headers },
      body: typeof body === "string" || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body),
    });
    const text = await response.text();
    const answer = { status: response.status, headers: response.headers, body: JSON.parse(text) };
    // Each answer matches /openapi.json.
    (SCHEMAS[answer.status] ?? problemSchema.strict()).parse(answer.body);
    return answer;
  }

  /** Sends a request without its end. It stays in the receiver until `finish`, which returns its status. */
  function hold(to: Service, data: string, token = of().token): { finish(): Promise<number | undefined> } {
    const body = Buffer.from(JSON.stringify(item("a", data)));
    const headers = { "content-type": "application/json", "content-length": body.length };
    const asked = request(`${to.url}/v1/notifications`, {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${token}` },
    });
    const answered = new Promise<number | undefined>((resolve, reject) => {
      asked.on("error", reject);
      asked.on("response", (response) => resolve(response.resume().statusCode));
    });
    asked.write(body.subarray(0, -1));
    return {
      finish() {
        asked.end(body.subarray(-1));
        return answered;
      },
    };
  }

  async function acceptedFor(...clients: string[]) {
    const keys = new Set(clients.map((id) => `acme/${id}`));
    return (await readAccepted(of().stack)).filter(({ key }) => keys.has(key));
  }

  /** Sorted, because several clients may be on different partitions. */
  async function dataFor(...clients: string[]) {
    const data = (await acceptedFor(...clients)).map(({ payload }) => payload);
    return clients.length === 1 ? data : data.toSorted();
  }

  return { publish, hold, acceptedFor, dataFor };
}
