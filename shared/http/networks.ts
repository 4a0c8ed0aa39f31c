import { BlockList, isIP } from "node:net";

/** A set of addresses and networks, for example 10.0.0.0/8. */
export class Networks {
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    for (const one of networks) {
      const [address = "", bits] = one.split("/");
      const family = isIP(address) === 6 ? "ipv6" : "ipv4";
      if (bits === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(bits), family);
    }
  }

  has(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? "ipv6" : "ipv4");
  }
}

/** Larger than a /8 of IPv4 or a /7 of IPv6: no single owner has such a network. IPv4 counts in its IPv6 forms too. */
export function isTooWide(network: string): boolean {
  const [address = "", bits = "128"] = network.split("/");
  const networks = new Networks([network]);
  const octets = Array.from({ length: 256 }, (_, octet) => octet).filter((octet) => networks.has(`${octet}.0.0.1`));
  return octets.length > 1 || (isIP(address) === 6 && Number(bits) < 7);
}

/** IPv4 mapped into IPv6: the library writes 0000:...:ffff:7f00:0001, proxies write ::ffff:127.0.0.1. */
const MAPPED = /^(?:(?:0{1,4}:){5}|::)ffff:(?:([0-9a-f]{1,4}):([0-9a-f]{1,4})|([\d.]+))$/i;

export function plainAddress(address: string): string {
  const [, high, low, dotted] = MAPPED.exec(address) ?? [];
  if (high === undefined || low === undefined) return dotted ?? address;
  return [high, low]
    .map((group) => Number.parseInt(group, 16))
    .flatMap((pair) => [pair >> 8, pair & 255])
    .join(".");
}

/** All of IPv4 is public except these: IANA's special-purpose registry, multicast and reserved networks. */
const SPECIAL = new Networks([
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
  // Teredo and other protocol assignments, documentation, and 6to4, which contains an IPv4 address.
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
]);
/** The only public part of IPv6. */
const GLOBAL_UNICAST = new Networks(["2000::/3"]);
/** IPv4 through a translator (RFC 6052): the IPv4 address counts. */
const TRANSLATED = new Networks(["64:ff9b::/96"]);

/** Whether an address is outside the public internet: in a private network, on this machine, or invalid. */
export function isPrivate(address: string): boolean {
  const plain = plainAddress(address);
  if (isIP(plain) === 4) return SPECIAL.has(plain);
  if (TRANSLATED.has(plain)) return SPECIAL.has(lastFour(plain));
  return !GLOBAL_UNICAST.has(plain) || SPECIAL.has(plain);
}

/** The last 32 bits of an IPv6 address, as an IPv4 address. */
function lastFour(address: string): string {
  const dotted = /[\d.]+$/.exec(address)?.[0];
  if (dotted?.includes(".")) return dotted;
  // The URL parser writes each address in one form: in groups, without leading zeros.
  const groups = new URL(`http://[${address}]/`).hostname.slice(1, -1).split(":");
  const tail = address.endsWith("::") ? ["0", "0"] : ["0", ...groups].slice(-2);
  return tail
    .map((group) => Number.parseInt(group || "0", 16))
    .flatMap((pair) => [pair >> 8, pair & 255])
    .join(".");
}
