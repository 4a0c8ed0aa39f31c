import { KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  createLocalJWKSet,
  errors,
  type CryptoKey,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWK,
  type JWSHeaderParameters,
} from "jose";
import { Failure, messageOf } from "#runtime/errors.ts";
import { fingerprint, UnusableKey, usableKey, type KeyDefect } from "./jwk.ts";
import { JwksAddresses } from "./jwks-address.ts";

/** The source of an issuer's keys: the keys themselves, a file, or an address. */
export type KeySource = JSONWebKeySet | URL | { file: string };

/** Limit of remembered ids of removed keys; the newest are kept. */
const MOST_REMOVED = 64;
const publicly = (url: URL): Promise<string> => new JwksAddresses([]).fetch(url);
/** An address is fetched again, or a file read again, after this time. */
const REFRESH_MS = { url: 10 * 60_000, file: 30_000 };
/** An unknown key causes a refresh at most this often. A failed refresh is repeated after the same time. */
const PAUSE_MS = 30_000;
/** The same while there are no keys yet. */
const FIRST_PAUSE_MS = 1_000;

export type Wait = <T>(ask: () => Promise<T>) => Promise<T>;
const freely: Wait = (ask) => ask();

/** The keys that check an issuer's tokens. */
export interface Keys {
  /** It changes when the keys change. */
  readonly version: number;
  /** Fetches keys again if these are old. It returns a promise only if the caller must wait. */
  freshen(): Promise<void> | undefined;
  /** The function that jose calls. `wait`: takes a place while keys are being fetched, or throws. */
  find(header?: JWSHeaderParameters, token?: FlattenedJWSInput, wait?: Wait): Promise<CryptoKey | Uint8Array>;
  /** The fingerprint of a key that `find` has returned. */
  nameOf(key: CryptoKey | Uint8Array): string;
  /** Whether callers with this key's fingerprint may stay. */
  has(fingerprint: string | undefined): boolean;
}

export interface SkippedKey {
  kid: string | undefined;
  defect: KeyDefect;
  why: string;
}

export interface JwksParts {
  /** ms, monotonic. */
  clock?: () => number;
  /** The text at an address; by default, at a public one. */
  fetch?: (url: URL) => Promise<string>;
  /** New keys could not be fetched. The last keys stay in use. */
  failed?: (error: unknown) => void;
  /** This key of the set is not used. */
  skipped?: (key: SkippedKey) => void;
}

/**
 * The public keys of one issuer (RFC 7517). The last known keys stay in use until new ones arrive: an unavailable
 * identity provider locks no caller out. Requests to it have a bounded rate, whatever tokens come and whether it
 * answers or not.
 */
export class Jwks implements Keys {
  readonly #load: (() => Promise<string>) | undefined;
  readonly #refreshMs: number;
  readonly #clock: () => number;
  readonly #told: (error: unknown) => void;
  readonly #skipped: (key: SkippedKey) => void;
  readonly #names = new WeakMap<CryptoKey, string>();
  #text = "";
  #fingerprints: ReadonlySet<string> = new Set();
  #kids: ReadonlySet<string> = new Set();
  /** Ids of keys that were in the set before. A token signed by one of them does not wait for other keys. */
  #removed: ReadonlySet<string> = new Set();
  #local: ReturnType<typeof createLocalJWKSet> | undefined;
  #version = 0;
  #triedAt = -Infinity;
  #failed = false;
  #loading: Promise<void> | undefined;

  constructor(source: KeySource, { clock, fetch = publicly, failed, skipped }: JwksParts = {}) {
    this.#clock = clock ?? (() => performance.now());
    this.#told = failed ?? (() => undefined);
    this.#skipped = skipped ?? (() => undefined);
    this.#refreshMs = source instanceof URL ? REFRESH_MS.url : REFRESH_MS.file;
    if (source instanceof URL) this.#load = () => fetch(source);
    else if ("file" in source) this.#load = () => readFile(source.file, "utf8");
    else this.#take(JSON.stringify(source));
  }

  /** It changes when the keys change. */
  get version(): number {
    return this.#version;
  }

  /**
   * Refreshes old keys in the background. It returns a promise only if the keys are long out of date. The promise
   * resolves even if the refresh fails.
   */
  freshen(): Promise<void> | undefined {
    if (!this.#load || !this.#local) return undefined;
    const since = this.#clock() - this.#triedAt;
    if (since <= (this.#failed ? PAUSE_MS : this.#refreshMs)) return undefined;
    const asked = this.reload().catch((error: unknown) => this.#told(error));
    return since > 2 * this.#refreshMs ? asked : undefined;
  }

  /**
   * The function that jose calls. Throws jose's errors if no key fits, and a `retry` if there are no keys yet. An
   * unknown kid is a `retry` too until the keys can be read again, because the issuer may have rotated them.
   */
  readonly find = async (header?: JWSHeaderParameters, token?: FlattenedJWSInput, wait = freely) => {
    if (!this.#local) await this.#again(FIRST_PAUSE_MS, wait);
    try {
      return await this.#local!(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#load) throw error;
      const pauseMs = PAUSE_MS - (this.#clock() - this.#triedAt);
      if (pauseMs > 0 && !this.#loading) {
        if (typeof header?.kid !== "string" || this.#kids.has(header.kid) || this.#removed.has(header.kid)) throw error;
        throw new Failure("retry", "The token's key is unknown, and the issuer's keys were read a moment ago.", {
          retryAfter: Math.ceil(pauseMs / 1_000),
        });
      }
      await wait(() => this.reload());
      return this.#local!(header, token);
    }
  };

  /** jose returns the same object for the same key of a set. */
  nameOf(key: CryptoKey | Uint8Array): string {
    if (key instanceof Uint8Array) throw new Failure("fatal", "A set of public keys cannot contain a shared secret.");
    let name = this.#names.get(key);
    if (name === undefined) this.#names.set(key, (name = fingerprint(KeyObject.from(key))));
    return name;
  }

  /** Compares keys, not ids: another key may take an id, and keys may have none. Without any keys the answer is yes. */
  has(name: string | undefined): boolean {
    return name === undefined || !this.#local || this.#fingerprints.has(name);
  }

  /** Throws a `retry`. Concurrent callers share one answer. */
  reload(): Promise<void> {
    if (this.#loading) return this.#loading;
    this.#triedAt = this.#clock();
    this.#loading = this.#load!()
      .then((text) => {
        this.#take(text);
        this.#failed = false;
      })
      .catch((error: unknown) => {
        this.#failed = true;
        throw new Failure("retry", `The issuer's keys cannot be fetched: ${messageOf(error)}`, { cause: error });
      })
      .finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #again(pauseMs: number, wait: Wait): Promise<void> {
    if (!this.#loading && this.#clock() - this.#triedAt < pauseMs)
      throw new Failure("retry", "The issuer's keys could not be fetched a moment ago.");
    await wait(() => this.reload());
  }

  #take(text: string): void {
    if (text === this.#text) return;
    const { keys } = JSON.parse(text) as { keys: unknown };
    if (!Array.isArray(keys)) throw new Error('it is not a JSON Web Key Set: the list "keys" is missing');
    const fingerprints = new Set<string>();
    const usable = keys.flatMap((key: JWK) => {
      try {
        fingerprints.add(usableKey(key));
        // A fingerprint needs a key that can be exported.
        const { ext: _ext, ...jwk } = key;
        return [jwk];
      } catch (error) {
        const kid = typeof key?.kid === "string" ? key.kid.slice(0, 100) : undefined;
        const defect = error instanceof UnusableKey ? error.defect : "malformed";
        this.#skipped({ kid, defect, why: messageOf(error) });
        return [];
      }
    });
    this.#local = createLocalJWKSet({ keys: usable });
    this.#fingerprints = fingerprints;
    const kids = new Set(keys.map((key: JWK) => key?.kid).filter((kid) => typeof kid === "string"));
    const gone = [...this.#removed, ...this.#kids].filter((kid) => !kids.has(kid));
    this.#removed = new Set(gone.slice(-MOST_REMOVED));
    this.#kids = kids;
    this.#text = text;
    this.#version += 1;
  }
}
