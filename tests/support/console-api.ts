import type { Service, Stack } from "./stack.ts";

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** Calls the console with a token or a key. */
export class ConsoleApi {
  readonly #service: Pick<Service, "url">;
  readonly #token: string;

  constructor(service: Pick<Service, "url">, token: string) {
    this.#service = service;
    this.#token = token;
  }

  /** A platform operator. */
  static async of(stack: Pick<Stack, "token">, service: Pick<Service, "url">): Promise<ConsoleApi> {
    return new ConsoleApi(service, await stack.token({ publisher: "operator", scope: "operate" }));
  }

  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.#service.url}/v1/tenants${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
  }

  /** A request that must succeed. */
  async does(method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300)
      throw new Error(`${method} ${path} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }
}
