import { MEASURED_PAYLOAD } from "./constants.ts";

/** One line of a plan. */
export interface Line {
  part: string;
  name: string;
  value: number;
  unit: string;
  /** The flags, constants and other lines that it follows from. */
  from: string;
  /**
   * A need must be provided: a higher rate never needs less of it. Each is a need per unit. A result follows from the
   * bought amounts, and may be lower when there are more of them.
   */
  kind: "need" | "each" | "result";
}

/** Collects the lines of one part. */
export class Part {
  readonly lines: Line[] = [];
  readonly #part: string;
  readonly #owned: readonly Line[];

  /** `owned` is another plan: this one buys the same amounts. */
  constructor(part: string, owned: readonly Line[] = []) {
    this.#part = part;
    this.#owned = owned;
  }

  need(name: string, value: number, unit: string, from: string): number {
    return this.#add("need", name, value, unit, from);
  }

  each(name: string, value: number, unit: string, from: string): number {
    return this.#add("each", name, value, unit, from);
  }

  result(name: string, value: number, unit: string, from: string): number {
    return this.#add("result", name, value, unit, from);
  }

  /** A need in whole units, from which results follow. */
  buy(name: string, [number, from]: Bound): number {
    const owned = this.#owned.find((line) => line.part === this.#part && line.name === name);
    return this.need(name, owned?.value ?? number, "", from);
  }

  #add(kind: Line["kind"], name: string, value: number, unit: string, from: string): number {
    this.lines.push({ part: this.#part, name, value, unit, from, kind });
    return value;
  }
}

/** The share of bought resources that a part uses. */
export interface Taken {
  lines: Line[];
  cores: number;
  gib: number;
  diskGib: number;
}

export const GIB = 2 ** 30;
export const MIB = 2 ** 20;
export const MEGA = 1e6;
export const DAY = 86_400;

/** Cores that this many microseconds per second keep busy. */
export function coresOf(microseconds: number): number {
  return microseconds / 1e6;
}

/** Microseconds for the bytes above the measured payload; `byteNanoseconds` is a constant. */
export function moreOf({ payload }: { payload: number }, byteNanoseconds: number): number {
  return (Math.max(0, payload - MEASURED_PAYLOAD) * byteNanoseconds) / 1_000;
}

/** The number of whole units that leaves a share of them free. */
export function bought(used: number, each: number, headroom: number): number {
  return Math.ceil(used / (each * (1 - headroom)));
}

/** A number, and its source. */
export type Bound = readonly [value: number, from: string];

export function largest(bounds: readonly Bound[]): Bound {
  return bounds.reduce((most, bound) => (bound[0] > most[0] ? bound : most));
}

export function smallest(bounds: readonly Bound[]): Bound {
  return bounds.reduce((least, bound) => (bound[0] < least[0] ? bound : least));
}
