import { vi } from "vitest";
import type { Service, Stack } from "./stack.ts";

export interface ListedItem {
  id: string;
  cursor: string;
  mark: string | null;
  data: unknown;
}

export interface Listed {
  items: ListedItem[];
  unread: number;
  unseen: number;
  more: boolean;
  events: string[];
}

export interface InboxRequest {
  body?: unknown;
  /** By default the client's own right to subscribe. */
  scope?: string;
  query?: string;
}

/** Requests of clients of acme to their inboxes, at one courier. */
export class InboxApi {
  readonly #stack: Stack;
  readonly #courier: Service;

  constructor(stack: Stack, courier: Service) {
    this.#stack = stack;
    this.#courier = courier;
  }

  async ask(client: string, method: string, path = "", request: InboxRequest = {}): Promise<Response> {
    const { body, scope, query = "" } = request;
    const token = await this.#stack.token({ client, ...(scope && { scope }) });
    return fetch(`${this.#courier.url}/v1/inbox${path}${query}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  async list(client: string, query = ""): Promise<Listed> {
    const response = await this.ask(client, "GET", "", { query });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
    return JSON.parse(text) as Listed;
  }

  mark(client: string, body: unknown): Promise<Response> {
    return this.ask(client, "POST", "/marks", { body });
  }

  /** The counts after the mark. */
  async marked(client: string, body: unknown): Promise<unknown> {
    const response = await this.mark(client, body);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** Waits until the list has these ids, the newest first. */
  async listed(client: string, ids: readonly (string | undefined)[]): Promise<void> {
    let present: string[] = [];
    const there = async (): Promise<boolean> => {
      present = (await this.list(client, "?limit=500")).items.map(({ id }) => id);
      return present.join() === ids.join();
    };
    await vi.waitUntil(there, { timeout: 20_000, interval: 50 }).catch(() => {
      throw new Error(`The list of ${client} has ${present.join()}, and not ${ids.join()}.`);
    });
  }
}
