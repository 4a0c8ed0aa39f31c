import { expect, test } from "vitest";
import { isPrivate, isTooWide } from "./networks.ts";

test.each([
  "127.0.0.1",
  "127.8.9.10",
  "0.0.0.0",
  "10.1.2.3",
  "100.64.0.1",
  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "192.0.2.1",
  "198.18.0.1",
  "224.0.0.1",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "fc00::1",
  "fd12:3456::1",
  "ff02::1",
  "2001:db8::1",
  "2002:7f00:1::",
  "2001::7f00:1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "0:0:0:0:0:ffff:a00:1",
  "::127.0.0.1",
  "64:ff9b::127.0.0.1",
  "64:ff9b::a9fe:a9fe",
  "64:ff9b::",
  "64:ff9b:1::1",
  "no address",
  "",
])("%s is private", (address) => expect(isPrivate(address)).toBe(true));

test.each([
  "1.1.1.1",
  "172.15.255.255",
  "172.32.0.1",
  "192.167.1.1",
  "223.255.255.255",
  "2606:4700::1111",
  "2001:4860:4860::8888",
  "::ffff:1.1.1.1",
  "::ffff:101:101",
  "64:ff9b::1.1.1.1",
  "64:ff9b::101:101",
])("%s is public", (address) => expect(isPrivate(address)).toBe(false));

test.each([
  "0.0.0.0/0",
  "128.0.0.0/1",
  "10.0.0.0/7",
  "::/0",
  "2000::/3",
  "::ffff:0:0/96",
  "::/64",
  "::ffff:10.0.0.0/103",
])("%s is too wide for a network of one owner", (network) => expect(isTooWide(network)).toBe(true));

test.each(["10.0.0.0/8", "192.0.2.7", "fc00::/7", "2001:db8::/32", "::1", "::ffff:10.0.0.0/104", "::ffff:10.1.2.3"])(
  "%s may be a network of one owner",
  (network) => expect(isTooWide(network)).toBe(false),
);
