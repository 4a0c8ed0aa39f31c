import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { CliError } from "#cli/command.ts";
import { operatorToken } from "./credential.ts";
import type { ConsoleOptions, CredentialOptions, DirectorOptions } from "./options.ts";

type Method = "GET" | "PUT" | "POST" | "DELETE";

const TIMEOUT_MS = 30_000;

interface Problem {
  detail?: string;
  errors?: { pointer: string; detail: string }[];
}

/** The HTTP API of a service, asked as an operator. */
export class Api {
  readonly #service: string;
  readonly #url: string;
  readonly #token: string;

  constructor(service: string, url: string, token: string) {
    this.#service = service;
    this.#url = url;
    this.#token = token;
  }

  async ask<T = object>(method: Method, path: string, body?: object): Promise<T> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    const answer = json(text) as (T & Problem) | undefined;
    if (response.ok && answer !== undefined) return answer;
    if (response.ok || answer === undefined)
      throw new CliError(
        `${this.#url} answered ${response.status} without JSON. Check that the ${this.#service} has this address.`,
      );
    const places = answer.errors?.map(({ pointer, detail }) => `${pointer || "it"}: ${detail}`).join("; ");
    const detail = places === undefined ? (answer.detail ?? response.statusText) : `${places}.`;
    throw new CliError(`The ${this.#service} answered ${response.status}: ${detail}${FIXES[response.status] ?? ""}`);
  }

  async #fetch(method: Method, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
        // To another host it would be sent without the token, and be refused for that.
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new CliError(
        `The ${this.#service} at ${this.#url} does not answer: ${reasonOf(error)}. Start it, or pass its address with --${this.#service}-url.`,
        { cause: error },
      );
    }
  }
}

const FIXES: Record<number, string> = {
  401: " Pass an operator's token: OPERATOR_TOKEN or --operator-token-file.",
  403: " Pass an operator's token that may do this: OPERATOR_TOKEN or --operator-token-file.",
};

const json = (text: string): unknown => {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** fetch says "fetch failed", and why only in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join("; ");
  return messageOf(cause);
}

export const consoleApi = (options: ConsoleOptions): Promise<Api> => api("console", options.consoleUrl, options);

export const directorApi = (options: DirectorOptions): Promise<Api> => api("director", options.directorUrl, options);

async function api(service: "console" | "director", url: string | undefined, options: CredentialOptions): Promise<Api> {
  if (url === undefined)
    throw new CliError(
      `The address of the ${service} is unknown. Pass --${service}-url URL, or set ${service.toUpperCase()}_URL.`,
    );
  return new Api(service, url, await operatorToken(options));
}
