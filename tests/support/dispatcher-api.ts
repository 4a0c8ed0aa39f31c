import type { Answer } from "./console-api.ts";
import type { Service } from "./stack.ts";

/** A caller of the dispatcher's routes for groups and publications. */
export class DispatcherApi {
  #service: Pick<Service, "url">;
  readonly #token: string | undefined;

  constructor(service: Pick<Service, "url">, token?: string) {
    this.#service = service;
    this.#token = token;
  }

  /** Later requests go to this dispatcher. */
  use(service: Pick<Service, "url">): void {
    this.#service = service;
  }

  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.#service.url}/v1/${path}`, {
      method,
      headers: this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
  }
}
