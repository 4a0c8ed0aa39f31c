import { lookup } from "node:dns/promises";
import { samplesOf, type Sample } from "./exposition.ts";

const PATIENCE_MS = 2_000;
const MOST_BYTES = 8 << 20;
const MOST_INSTANCES = 200;

/** One process of a service, or an address that does not answer. */
export interface Reading {
  /** Its host and port. */
  instance: string;
  /** Undefined: it did not answer. */
  samples: Sample[] | undefined;
  ready: boolean;
  /** Dependencies that it cannot reach or that trouble it, with the reasons. */
  away: Readonly<Record<string, string>>;
}

/** Reads the metrics and the health of every process behind some addresses. A name can have several processes. */
export class Instances {
  readonly #urls: readonly URL[];
  readonly #names: ReadonlySet<string>;

  constructor(urls: readonly string[], names: ReadonlySet<string>) {
    this.#urls = urls.map((url) => new URL(url));
    this.#names = names;
  }

  async read(): Promise<Reading[]> {
    const urls = (await Promise.all(this.#urls.map(addressesOf))).flat().slice(0, MOST_INSTANCES);
    return Promise.all(urls.map((url) => this.#reading(url)));
  }

  async #reading(url: URL): Promise<Reading> {
    const [metrics, health] = await Promise.all([text(new URL("/metrics", url)), text(new URL("/health/ready", url))]);
    const { ready = false, missing = {}, ailing = {} } = parsed(health);
    return {
      instance: url.host,
      samples: metrics === undefined ? undefined : samplesOf(metrics, this.#names),
      ready,
      away: { ...missing, ...ailing },
    };
  }
}

async function addressesOf(url: URL): Promise<URL[]> {
  // A certificate names the host.
  if (url.protocol === "https:") return [url];
  const found = await lookup(url.hostname.replace(/^\[|\]$/g, ""), { all: true, family: 4 }).catch(() => []);
  if (found.length < 2) return [url];
  return found.map(({ address }) => Object.assign(new URL(url), { hostname: address }));
}

/** The answer, whatever its status: a service that is not ready says why with 503. */
async function text(url: URL): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: "error" });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > MOST_BYTES) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  } catch {
    return undefined;
  }
}

interface Ready {
  ready?: boolean;
  missing?: Record<string, string>;
  ailing?: Record<string, string>;
}

function parsed(health: string | undefined): Ready {
  try {
    return JSON.parse(health ?? "{}") as Ready;
  } catch {
    return {};
  }
}
