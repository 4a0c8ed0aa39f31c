import { lookup, type LookupAddress, type LookupAllOptions } from "node:dns";
import { request as plain, type RequestOptions } from "node:http";
import { request as secure } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { isPrivate, Networks, plainAddress } from "#http/networks.ts";
import { withTimeout } from "#runtime/timeout.ts";

/** An issuer has some keys, of some hundred bytes each. */
const MOST_BYTES = 256 << 10;
const FETCH_MS = 5_000;
const RESOLVE_MS = 2_000;
const ACCEPT = { accept: "application/jwk-set+json, application/json", "accept-encoding": "identity" };

/** The signature of `lookup` of node:dns. */
export type Resolve = (
  host: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
) => void;

/**
 * The addresses that key sets may come from: the public internet, and private networks named in a setting. Otherwise
 * the author of an address could make the services send requests within their own network. The checked addresses are
 * those that are connected to.
 */
export class JwksAddresses {
  readonly #allowed: Networks;
  readonly #resolve: Resolve;

  /** `allowed`: private addresses and networks that keys may come from. */
  constructor(allowed: readonly string[], resolve: Resolve = lookup) {
    this.#allowed = new Networks(allowed);
    this.#resolve = resolve;
  }

  /**
   * Why keys are not fetched from this address, or undefined. Also undefined if the name does not resolve at the
   * moment.
   */
  async refusal(url: URL): Promise<string | undefined> {
    const host = hostOf(url);
    const found = isIP(host) === 0 ? await withTimeout(RESOLVE_MS, this.#resolved(host)) : [{ address: host }];
    return found && this.#refused(host, found);
  }

  /** The body of a 200. A redirect is an error: it could lead into our own network. */
  fetch(url: URL): Promise<string> {
    const host = hostOf(url);
    const refused = isIP(host) === 0 ? undefined : this.#refused(host, [{ address: host }]);
    if (refused !== undefined) return Promise.reject(new Error(refused));
    return get(url, {
      headers: ACCEPT,
      // A new connection: a reused one was resolved before.
      agent: false,
      signal: AbortSignal.timeout(FETCH_MS),
      lookup: this.#lookup,
    });
  }

  #resolved(host: string): Promise<LookupAddress[]> {
    return new Promise((done, fail) =>
      this.#resolve(host, { all: true }, (error, found) => (error ? fail(error) : done(found))),
    );
  }

  readonly #lookup: LookupFunction = (host, options, done) => {
    this.#resolve(host, { ...options, all: true }, (error, found) => {
      const refused = error ? undefined : this.#refused(host, found);
      if (error) done(error, []);
      else if (refused !== undefined) done(new Error(refused), []);
      else if (options.all) done(null, found);
      else done(null, found[0]!.address, found[0]!.family);
    });
  };

  /** One private address among several is enough: a client may connect to any of them. */
  #refused(host: string, found: readonly Pick<LookupAddress, "address">[]): string | undefined {
    const bad = found.find(({ address }) => isPrivate(address) && !this.#allowed.has(plainAddress(address)));
    if (!bad) return undefined;
    const what =
      bad.address === host ? `${host} is a private address` : `${host} resolves to ${bad.address}, a private address`;
    return `${what}. Use a public one, or allow it: AUTH_PRIVATE_NETWORKS=${bad.address}`;
  }
}

const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, "");

function get(url: URL, options: RequestOptions): Promise<string> {
  return new Promise((done, fail) => {
    const request = (url.protocol === "https:" ? secure : plain)(url, options, (response) => {
      response.on("error", fail);
      if (response.statusCode !== 200) {
        fail(new Error(`${url.host} answered ${response.statusCode}`));
        request.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes <= MOST_BYTES) return;
        fail(new Error(`${url.host} answered more than ${MOST_BYTES} bytes`));
        request.destroy();
      });
      response.on("end", () => done(Buffer.concat(chunks).toString()));
    });
    request.on("error", fail).end();
  });
}
