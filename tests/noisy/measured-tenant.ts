import { Agent, request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "./target.ts";

/** Its address, as our proxy names it: separate, because refusals count by address. */
const ADDRESS = "203.0.113.200";

/** Sends the next request after each answer of any kind, and counts answers by status. */
export class Asking {
  readonly answers: Record<string, number> = {};
  readonly #target: Target;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #streams = new Set<IncomingMessage>();
  #ending = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /** The given number at a time, and at most the target's rate per second, until the end. */
  async often(atOnce: number, ask: (n: number) => Promise<unknown>): Promise<void> {
    const began = performance.now();
    let n = 0;
    const run = async (): Promise<void> => {
      while (!this.#ending) {
        const due = began + (n / this.#target.rate) * 1_000 - performance.now();
        n += 1;
        if (due > 0) await sleep(due);
        await ask(n).catch(() => this.#count("failed"));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, run));
  }

  async publish(token: string, body: string): Promise<void> {
    const answer = await this.#ask(`${this.#target.receiver}/v1/notifications`, "POST", token, body);
    answer.resume();
    await new Promise((resolve) => answer.once("close", resolve));
  }

  /** Reads notifications, and never acknowledges. Undefined if it is refused. */
  async stream(token: string, path: string): Promise<IncomingMessage | undefined> {
    const answer = await this.#ask(`${this.#target.distributor}${path}`, "GET", token);
    answer.on("error", () => {});
    answer.resume();
    if (answer.statusCode !== 200) return undefined;
    this.#streams.add(answer);
    answer.once("close", () => this.#streams.delete(answer));
    return answer;
  }

  end(): void {
    this.#ending = true;
    for (const stream of this.#streams) stream.destroy();
  }

  #ask(url: string, method: string, token: string, body = ""): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string | number> = {
        authorization: `Bearer ${token}`,
        "x-forwarded-for": ADDRESS,
      };
      if (body !== "") {
        headers["content-type"] = "application/x-ndjson";
        headers["content-length"] = Buffer.byteLength(body);
      }
      const asked = request(url, { method, headers, ...(method === "POST" && { agent: this.#agent }) });
      asked.on("error", reject);
      asked.on("response", (answer) => {
        this.#count(String(answer.statusCode));
        resolve(answer);
      });
      asked.end(body);
    });
  }

  #count(answer: string): void {
    this.answers[answer] = (this.answers[answer] ?? 0) + 1;
  }
}
