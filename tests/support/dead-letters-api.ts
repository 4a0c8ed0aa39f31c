import type { Summary } from "#services/director/dead-letters/decode.ts";
import type { Service, Stack } from "./stack.ts";

export type DeadLetter = Summary & { content?: { items: Record<string, unknown>[] } | { base64: string } };

/** A platform operator that calls a director. */
export class DeadLettersApi {
  readonly #director: () => Pick<Service, "url">;
  readonly #token: string;

  private constructor(director: () => Pick<Service, "url">, token: string) {
    this.#director = director;
    this.#token = token;
  }

  static async of(stack: Pick<Stack, "token">, director: () => Pick<Service, "url">): Promise<DeadLettersApi> {
    return new DeadLettersApi(director, await stack.token({ publisher: "operator", scope: "operate" }));
  }

  async ask(path: string, method = "GET"): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${this.#director().url}/v1/dead-letters${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}` },
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async list(query = "?limit=500"): Promise<DeadLetter[]> {
    const { status, body } = await this.ask(query);
    if (status !== 200) throw new Error(`The dead letters were answered ${status}: ${JSON.stringify(body)}`);
    return body.deadLetters as DeadLetter[];
  }

  async show(id: string): Promise<DeadLetter> {
    return (await this.ask(`/${id}`)).body as unknown as DeadLetter;
  }

  async redrive(id: string): Promise<{ redriven: string; topic: string; partition: number; offset: number }> {
    const { status, body } = await this.ask(`/${id}/redrive`, "POST");
    if (status !== 200) throw new Error(`The redrive was answered ${status}: ${JSON.stringify(body)}`);
    return body as never;
  }
}
