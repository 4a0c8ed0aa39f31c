import { expect, test } from "vitest";
import { framingOf, targetOf } from "./request-framing.ts";

const of = (rawHeaders: string[], httpVersionMinor = 1) =>
  framingOf({ rawHeaders, httpVersionMajor: 1, httpVersionMinor });
const HOST = ["Host", "x"];

test.for([
  ["nothing but a host", HOST, false],
  ["a length", [...HOST, "Content-Length", "5"], true],
  ["no length", [...HOST, "Content-Length", "0"], false],
  ["no length, in zeros", [...HOST, "Content-Length", "000"], false],
  ["chunks", [...HOST, "TRANSFER-ENCODING", "Chunked"], true],
  [
    "names of the same lengths",
    [...HOST, "ab-defghijklm", "1", "ab-defghijklmn", "2", "ab-defghijklmnopq", "3"],
    false,
  ],
] as const)("%s says whether a body follows", ([, headers, body]) => {
  expect(of([...headers])).toBe(body);
});

test.for([
  ["no host", [], 400],
  ["two hosts", [...HOST, "host", "x"], 400],
  ["two authorizations", [...HOST, "authorization", "a", "Authorization", "a"], 400],
  ["an empty coding", [...HOST, "transfer-encoding", ""], 400],
  ["two codings", [...HOST, "transfer-encoding", "chunked", "transfer-encoding", "chunked"], 400],
  ["a coding and a length", [...HOST, "transfer-encoding", "chunked", "content-length", "0"], 400],
  ["two lengths", [...HOST, "content-length", "0", "content-length", "0"], 400],
  ["an empty length", [...HOST, "content-length", ""], 400],
  ["too many headers", Array.from({ length: 202 }, () => "a"), 431],
] as const)("%s is refused, and ends the connection", ([, headers, status]) => {
  expect(of([...headers])).toMatchObject({ status, close: true });
});

test("HTTP/1.0 needs no host, and has no chunks", () => {
  expect(of([], 0)).toBe(false);
  expect(of(["transfer-encoding", "chunked"], 0)).toMatchObject({ status: 400 });
  expect(framingOf({ rawHeaders: HOST, httpVersionMajor: 2, httpVersionMinor: 0 })).toMatchObject({ status: 505 });
});

const WRONG = { status: 400, close: true };

test.for([
  ["/a", { path: "/a", search: "" }],
  ["/a?b=c?d", { path: "/a", search: "b=c?d" }],
  ["//a", { path: "//a", search: "" }],
  ["http://x/a?b", { path: "/a", search: "b" }],
  ["HTTPS://x:1?b", { path: "/", search: "b" }],
  ["http://x", { path: "/", search: "" }],
  ["http://", WRONG],
  ["http:///a", WRONG],
  ["http://u@x/a", WRONG],
  ["http://x:y/a", WRONG],
  ["ftp://x/a", WRONG],
  ["*", WRONG],
  ["a", WRONG],
  ["/a%ff", WRONG],
  ["/a?b=%c3", WRONG],
  ["/a\xff", WRONG],
  ["/a%c3%a9?b=100%&c=%e2%82%ac", { path: "/a%c3%a9", search: "b=100%&c=%e2%82%ac" }],
] as const)("the target %s", ([url, target]) => {
  expect(targetOf(url, "GET")).toMatchObject(target);
});

test("* is a target of OPTIONS only", () => {
  expect(targetOf("*", "OPTIONS")).toEqual({ path: "*", search: "" });
});
