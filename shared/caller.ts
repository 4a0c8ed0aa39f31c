import { isIP } from "node:net";
import { Networks, plainAddress } from "./networks.ts";

/** Where a request comes from. Behind proxies of ours that is what the last of them says, and never what a stranger says. */
export class Callers {
  readonly #trusted: Networks;
  readonly #any: boolean;

  /** Addresses and networks (10.0.0.0/8). */
  constructor(trusted: readonly string[]) {
    this.#any = trusted.length > 0;
    this.#trusted = new Networks(trusted);
  }

  trusts(address: string): boolean {
    return this.#any && this.#trusted.has(address);
  }

  /** `forwarded`: the header X-Forwarded-For, to which each proxy adds whom it heard. */
  of(peer: string, forwarded: () => string | undefined): string {
    if (!this.trusts(peer)) return peer;
    const chain = (forwarded() ?? "").split(",").map((one) => one.trim());
    for (let at = chain.length - 1; at >= 0; at -= 1) {
      const address = plainAddress(chain[at]!);
      // What is no address nobody of ours has written.
      if (isIP(address) === 0) return peer;
      if (!this.trusts(address)) return address;
    }
    return peer;
  }
}

/** Who has one address of IPv6 has all of its network (/64). */
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
