import { BlockList, isIP } from "node:net";

/** Where a request comes from. Behind proxies of ours that is what the last of them says, and never what a stranger says. */
export class Callers {
  readonly #trusted = new BlockList();
  readonly #any: boolean;

  /** Addresses and networks (10.0.0.0/8). */
  constructor(trusted: readonly string[]) {
    this.#any = trusted.length > 0;
    for (const one of trusted) {
      const [address = "", bits] = one.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  trusts(address: string): boolean {
    return this.#any && isIP(address) !== 0 && this.#trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
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

/** Of IPv4 behind IPv6: as the library writes it, 0000:...:ffff:7f00:0001, and as proxies do, ::ffff:127.0.0.1. */
const MAPPED = /^(?:(?:0{1,4}:){5}|::)ffff:(?:([0-9a-f]{1,4}):([0-9a-f]{1,4})|([\d.]+))$/i;

export function plainAddress(address: string): string {
  const [, high, low, dotted] = MAPPED.exec(address) ?? [];
  if (high === undefined || low === undefined) return dotted ?? address;
  return [high, low]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((pair) => [pair >> 8, pair & 255])
    .join(".");
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
