import { isIP } from "node:net";
import { Networks, plainAddress } from "./networks.ts";

/** The address of a caller, as a trusted proxy saw it. An address that a client wrote never counts. */
export class ClientAddresses {
  readonly #trusted: Networks;
  readonly #any: boolean;
  readonly #hops: number;

  /** `trusted`: addresses and networks (10.0.0.0/8). `hops`: proxies that a request passes through. */
  constructor(trusted: readonly string[], hops = 1) {
    this.#any = trusted.length > 0;
    this.#trusted = new Networks(trusted);
    this.#hops = hops;
  }

  trusts(address: string): boolean {
    return this.#any && this.#trusted.has(address);
  }

  /**
   * `forwarded`: the header X-Forwarded-For, to which each proxy appends its peer's address. It is read from its end,
   * at most one entry for each hop. Otherwise a client in a trusted network would count as a proxy, and its own entries
   * would be believed.
   */
  of(peer: string, forwarded: () => string | undefined): string {
    if (!this.trusts(peer)) return peer;
    const chain = (forwarded() ?? "").split(",");
    let caller = peer;
    for (let hop = 1; hop <= Math.min(this.#hops, chain.length); hop += 1) {
      const address = plainAddress(chain[chain.length - hop]!.trim());
      // No proxy writes this.
      if (isIP(address) === 0) return caller;
      caller = address;
      if (!this.trusts(caller)) return caller;
    }
    return caller;
  }
}

/** The owner of one IPv6 address has all of its network (/64). */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::`;
}
