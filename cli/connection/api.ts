import { messageOf } from "@saasaparilla/shared/runtime/errors.ts";
import { CliError } from "#cli/command.ts";
import { memberToken, operatorToken } from "./credential.ts";
import type { ConsoleOptions, CourierOptions, DirectorOptions, DispatcherOptions, MemberOptions } from "./options.ts";

type Method = "GET" | "PUT" | "POST" | "DELETE";

const TIMEOUT_MS = 30_000;

interface Problem {
  detail?: string;
  errors?: { pointer: string; detail: string }[];
}

type Service = "console" | "courier" | "director" | "dispatcher";

/** The HTTP API of a service. */
export class Api {
  readonly #service: string;
  readonly #url: string;
  readonly #token: string;
  readonly #fixes: Fixes;

  constructor(service: string, { url, token, fixes }: { url: string; token: string; fixes: Fixes }) {
    this.#service = service;
    this.#url = url;
    this.#token = token;
    this.#fixes = fixes;
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
    throw new CliError(
      `The ${this.#service} answered ${response.status}: ${detail}${this.#fixes[response.status] ?? ""}`,
    );
  }

  async #fetch(method: Method, path: string, body?: object): Promise<Response> {
    try {
      return await fetch(`${this.#url}${path}`, {
        method,
        headers: { authorization: `Bearer ${this.#token}`, ...(body && { "content-type": "application/json" }) },
        ...(body && { body: JSON.stringify(body) }),
        // fetch drops the token for another host, so the request would be refused.
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

type Fixes = Record<number, string>;

const OPERATOR: Fixes = {
  401: " Pass an operator's token: OPERATOR_TOKEN or --operator-token-file.",
  403: " Pass an operator's token that may do this: OPERATOR_TOKEN or --operator-token-file.",
};
const MEMBER: Fixes = {
  403: " It needs a grant or an API key of the tenant whose targets name it. Try explain-access with --target.",
};

const json = (text: string): unknown => {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** fetch says only "fetch failed", and has the reason in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (cause instanceof AggregateError) return cause.errors.map(messageOf).join("; ");
  return messageOf(cause);
}

export const consoleApi = async (options: ConsoleOptions): Promise<Api> =>
  api("console", options.consoleUrl, await operatorToken(options));

export const directorApi = async (options: DirectorOptions): Promise<Api> =>
  api("director", options.directorUrl, await operatorToken(options));

export const courierApi = async (options: CourierOptions): Promise<Api> =>
  api("courier", options.courierUrl, await operatorToken(options));

export const dispatcherApi = async (options: DispatcherOptions): Promise<Api> =>
  api("dispatcher", options.dispatcherUrl, await operatorToken(options));

/** The dispatcher, as a publisher or a consumer of a tenant. */
export const memberApi = async (options: MemberOptions, role: "publisher" | "consumer"): Promise<Api> =>
  api("dispatcher", options.dispatcherUrl, await memberToken(options, role), MEMBER);

function api(service: Service, url: string | undefined, token: string, fixes = OPERATOR): Api {
  if (url === undefined)
    throw new CliError(
      `The address of the ${service} is unknown. Pass --${service}-url URL, or set ${service.toUpperCase()}_URL.`,
    );
  return new Api(service, { url, token, fixes });
}
