import { Problem, problemOf, unreachable } from "./problem.ts";

type Query = Record<string, string | number | boolean | undefined>;

interface Asked {
  query?: Query | undefined;
  body?: unknown;
  signal?: AbortSignal | undefined;
  /** Only the sign-in sends a token. It is used up by that request, and kept nowhere. */
  token?: string;
}

/** The CSRF token of the session, in memory only. */
let csrf: string | undefined;

export function setCsrf(token: string | undefined): void {
  csrf = token;
}

/** One request to the console. Throws a Problem. */
export async function request<T>(method: string, path: string, asked: Asked = {}): Promise<T> {
  const { query, body, signal, token } = asked;
  const headers = new Headers({ accept: "application/json" });
  if (body !== undefined) headers.set("content-type", "application/json");
  if (method !== "GET" && csrf !== undefined) headers.set("x-csrf-token", csrf);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(addressOf(path, query), {
    method,
    headers,
    credentials: "same-origin",
    redirect: "error",
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  }).catch((error: unknown) => {
    if (signal?.aborted === true) throw error;
    throw unreachable(error);
  });
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  if (!(response.headers.get("content-type") ?? "").includes("json"))
    throw new Problem({
      type: "about:blank",
      title: "The answer is no JSON",
      status: response.status,
      detail: `${path} answered with something else than JSON.`,
      fix: "The console may be older than this page. Reload the page.",
    });
  return (await response.json()) as T;
}

export function addressOf(path: string, query: Query = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? path : `${path}?${text}`;
}

/** A path of a tenant, each part encoded. */
export const tenantPath = (tenant: string, ...parts: string[]): string =>
  ["/v1/tenants", tenant, ...parts].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join("/");
