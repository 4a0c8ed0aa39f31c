import { expect, test } from "vitest";
import { readHead } from "./request-head.ts";

const read = (lines: readonly (readonly [string, string])[], method = "get", url = "/", query?: string) => {
  const headers: Record<string, string> = {};
  const head = {
    getMethod: () => method,
    getUrl: () => url,
    getQuery: () => query,
    forEach: (each: (name: string, value: string) => void) => {
      for (const [name, value] of lines) each(name, value);
    },
  };
  return { refused: readHead(head, headers), headers };
};
const HOST = ["host", "x"] as const;

test("a request has its headers, with all lines of X-Forwarded-For", () => {
  const lines = [HOST, ["x-forwarded-for", "1.1.1.1"], ["accept", "*/*"], ["x-forwarded-for", "2.2.2.2"]] as const;
  expect(read(lines)).toEqual({
    refused: undefined,
    headers: { host: "x", accept: "*/*", "x-forwarded-for": "1.1.1.1,2.2.2.2" },
  });
  expect(read([HOST, ["content-length", "0"]]).refused).toBeUndefined();
  expect(read([HOST, ["content-length", "12"]], "post").refused).toBeUndefined();
});

test.for([
  ["an empty coding", [HOST, ["transfer-encoding", ""]], 400],
  ["one coding, chunked", [HOST, ["transfer-encoding", "Chunked"]], 411],
  ["another coding", [HOST, ["transfer-encoding", "gzip"]], 400],
  ["two codings", [HOST, ["transfer-encoding", ""], ["transfer-encoding", "chunked"]], 400],
  ["a coding and a length", [HOST, ["transfer-encoding", "chunked"], ["content-length", "0"]], 400],
  ["two lengths", [HOST, ["content-length", "0"], ["content-length", "0"]], 400],
  ["an empty length", [HOST, ["content-length", ""]], 400],
  ["a length that is not a number", [HOST, ["content-length", "+1"]], 400],
  ["a length of a GET", [HOST, ["content-length", "1"]], 400],
  ["no host", [], 400],
  ["two hosts", [HOST, HOST], 400],
  ["a header that is not UTF-8", [HOST, ["x", "a\ufffd"]], 400],
  ["more than 16 KiB", [HOST, ["x", "a".repeat(16 << 10)]], 431],
  ["two authorizations", [HOST, ["authorization", ""], ["authorization", "x"]], 400],
] as const)("%s is refused, and ends the connection", ([, lines, status]) => {
  expect(read(lines).refused).toMatchObject({ status, close: true });
});

test.for([
  ["/a%ff", undefined],
  ["/", "a=%c3"],
  ["/\ufffd", undefined],
  ["/", "a=\ufffd"],
] as const)("a target that is not UTF-8 is refused: %j", ([url, query]) => {
  expect(read([HOST], "get", url, query).refused).toMatchObject({ status: 400, close: true });
  expect(read([HOST], "get", "/a%c3%a9", "b=%e2%82%ac+c%25").refused).toBeUndefined();
});

test("lines of one name form one list", () => {
  const lines = [
    HOST,
    ["sec-websocket-protocol", "notifications.v1.json"],
    ["sec-websocket-protocol", "bearer.x"],
  ] as const;
  expect(read(lines).headers["sec-websocket-protocol"]).toBe("notifications.v1.json,bearer.x");
});
