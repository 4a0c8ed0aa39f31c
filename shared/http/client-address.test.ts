import { expect, test } from "vitest";
import { ClientAddresses, networkOf } from "./client-address.ts";
import { plainAddress } from "./networks.ts";

const clientAddresses = new ClientAddresses(["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);

test.for([
  ["a stranger has its own address, for any header", "198.51.100.1", "203.0.113.9", "198.51.100.1"],
  ["a proxy of ours names the client", "10.1.2.3", "203.0.113.9", "203.0.113.9"],
  ["a stranger's earlier entry is not trusted", "10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
  ["a proxy that says nothing", "10.1.2.3", undefined, "10.1.2.3"],
  ["a proxy that names an invalid address", "10.1.2.3", "unknown", "10.1.2.3"],
  ["a caller in a trusted network is itself", "10.1.2.3", "10.4.4.4", "10.4.4.4"],
  ["a caller in a trusted network cannot name another address", "10.1.2.3", "203.0.113.9, 10.4.4.4", "10.4.4.4"],
  ["IPv4 as a proxy on IPv6 writes it", "10.1.2.3", "203.0.113.9, ::ffff:10.4.4.4", "10.4.4.4"],
  ["the same of the caller", "10.1.2.3", "::ffff:203.0.113.9", "203.0.113.9"],
  ["IPv6", "fd00:0000:0000:0000:0000:0000:0000:0001", "2001:db8::9", "2001:db8::9"],
] as const)("%s", ([, peer, forwarded, address]) => {
  expect(clientAddresses.of(peer, () => forwarded)).toBe(address);
});

const twice = new ClientAddresses(["10.0.0.0/8", "192.0.2.7"], 2);

test.for([
  ["two proxies", "192.0.2.7", "1.1.1.1, 203.0.113.9, 10.4.4.4", "203.0.113.9"],
  ["the second proxy as the only one", "192.0.2.7", "1.1.1.1, 203.0.113.9", "203.0.113.9"],
  ["a caller in a trusted network, through both", "192.0.2.7", "203.0.113.9, 10.5.5.5, 10.4.4.4", "10.5.5.5"],
  ["two proxies, and nothing before them", "192.0.2.7", "10.4.4.4", "10.4.4.4"],
  ["an invalid address before the second proxy", "192.0.2.7", "unknown, 10.4.4.4", "10.4.4.4"],
] as const)("behind two proxies: %s", ([, peer, forwarded, address]) => {
  expect(twice.of(peer, () => forwarded)).toBe(address);
});

test("without proxies of ours the header is not even read", () => {
  const read = (): string => {
    throw new Error("it was read");
  };
  expect(new ClientAddresses([]).of("198.51.100.1", read)).toBe("198.51.100.1");
});

test("an IPv6 network is one address; each IPv4 address is its own", () => {
  const same = ["2001:db8:1:2::9", "2001:0DB8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::"];
  expect(new Set(same.map(networkOf))).toEqual(new Set(["2001:db8:1:2::"]));
  expect(networkOf("2001:db8:1:3::9")).toBe("2001:db8:1:3::");
  expect(networkOf("::1")).toBe("0:0:0:0::");
  expect(networkOf("127.0.0.1")).toBe("127.0.0.1");
  expect(plainAddress("::FFFF:7f00:1")).toBe("127.0.0.1");
  expect(plainAddress("2001:db8::ffff:7f00:1")).toBe("2001:db8::ffff:7f00:1");
  expect(plainAddress("0000:0000:0000:0000:0000:ffff:7f00:0001")).toBe("127.0.0.1");
});
