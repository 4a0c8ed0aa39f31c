import { readFile } from "node:fs/promises";
import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from "jose";
import { Failure, messageOf } from "./errors.ts";
import { KeysAddresses } from "./keys-address.ts";

/** Where an issuer's keys are: themselves, a file, or an address. */
export type KeySource = JSONWebKeySet | URL | { file: string };

const publicly = (url: URL): Promise<string> => new KeysAddresses([]).fetch(url);
/** An address is asked again after so long, and a file read. */
const REFRESH_MS = { url: 10 * 60_000, file: 30_000 };
/** For a key that is not among them they are had anew, so often at most; and where that fails, tried again. */
const PAUSE_MS = 30_000;
/** The same where there are none yet. */
const FIRST_PAUSE_MS = 1_000;

export interface KeySetParts {
  /** ms, monotonic. */
  clock?: () => number;
  /** The text at an address; by default, of a public one. */
  fetch?: (url: URL) => Promise<string>;
  /** They could not be had anew: those that there are hold. */
  failed?: (error: unknown) => void;
}

/**
 * The public keys of one issuer (RFC 7517). Those that were had last hold while there are no newer ones to be had: an identity provider that is away
 * locks nobody out. It is asked at a bounded rate, whatever tokens come and whether it answers or not.
 */
export class KeySet {
  readonly #load: (() => Promise<string>) | undefined;
  readonly #refreshMs: number;
  readonly #clock: () => number;
  readonly #told: (error: unknown) => void;
  #text = "";
  #keys: JSONWebKeySet["keys"] = [];
  #local: ReturnType<typeof createLocalJWKSet> | undefined;
  #version = 0;
  #triedAt = -Infinity;
  #failed = false;
  #loading: Promise<void> | undefined;

  constructor(source: KeySource, { clock, fetch = publicly, failed }: KeySetParts = {}) {
    this.#clock = clock ?? (() => performance.now());
    this.#told = failed ?? (() => undefined);
    this.#refreshMs = source instanceof URL ? REFRESH_MS.url : REFRESH_MS.file;
    if (source instanceof URL) this.#load = () => fetch(source);
    else if ("file" in source) this.#load = () => readFile(source.file, "utf8");
    else this.#take(JSON.stringify(source));
  }

  /** Which keys these are: another number, others. */
  get version(): number {
    return this.#version;
  }

  /** Asks for them anew where they are old. Nobody waits for that, but where nobody has asked for long: then it resolves, whether they could be had or not. */
  freshen(): Promise<void> | undefined {
    if (!this.#load || !this.#local) return undefined;
    const since = this.#clock() - this.#triedAt;
    if (since <= (this.#failed ? PAUSE_MS : this.#refreshMs)) return undefined;
    const asked = this.reload().catch((error: unknown) => this.#told(error));
    return since > 2 * this.#refreshMs ? asked : undefined;
  }

  /** What jose asks. Throws its errors where no key fits, and a `retry` where there are no keys yet. */
  readonly find = async (header?: JWSHeaderParameters, token?: FlattenedJWSInput) => {
    if (!this.#local) await this.#again(FIRST_PAUSE_MS);
    try {
      return await this.#local!(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || !this.#load) throw error;
      if (this.#clock() - this.#triedAt < PAUSE_MS && !this.#loading) throw error;
      await this.reload();
      return this.#local!(header, token);
    }
  };

  /** Whether a key with this id is among them; where there are none, or it has no id, nobody can say that it is not. */
  has(kid: string | undefined): boolean {
    return kid === undefined || !this.#local || this.#keys.some((key) => key.kid === kid);
  }

  /** Throws a `retry`. Those who ask meanwhile wait for the same answer. */
  reload(): Promise<void> {
    this.#triedAt = this.#clock();
    this.#loading ??= this.#load!()
      .then((text) => {
        this.#take(text);
        this.#failed = false;
      })
      .catch((error: unknown) => {
        this.#failed = true;
        throw new Failure("retry", `The issuer's keys cannot be had: ${messageOf(error)}`, { cause: error });
      })
      .finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #again(pauseMs: number): Promise<void> {
    if (!this.#loading && this.#clock() - this.#triedAt < pauseMs)
      throw new Failure("retry", "The issuer's keys could not be had a moment ago.");
    await this.reload();
  }

  #take(text: string): void {
    if (text === this.#text) return;
    const set = JSON.parse(text) as JSONWebKeySet;
    this.#local = createLocalJWKSet(set);
    this.#keys = set.keys;
    this.#text = text;
    this.#version += 1;
  }
}
