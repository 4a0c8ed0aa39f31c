import { expect, test } from "vitest";
import { Router } from "./router.ts";

const router = new Router<string>();
router.add("GET", "/v1/keys", "list");
router.add("POST", "/v1/keys", "make");
router.add("GET", "/v1/keys/:id", "show");
router.add("DELETE", "/v1/keys/:id", "remove");

test.for([
  ["GET", "/v1/keys", "list"],
  ["POST", "/v1/keys", "make"],
  ["GET", "/v1/keys/a", "show"],
  ["DELETE", "/v1/keys/a%2Fb", "remove"],
  ["GET", "/v1/keys/", undefined],
  ["GET", "/v1/keys/a/b", undefined],
  ["PUT", "/v1/keys", undefined],
  ["GET", "/v1/key", undefined],
  ["GET", "/__proto__", undefined],
] as const)("%s %s is answered by %s", ([method, path, route]) => {
  expect(router.find(method, path)).toBe(route);
});

test("a path lists its methods, for a 405", () => {
  expect(router.methodsOf("/v1/keys")).toEqual(["GET", "POST"]);
  expect(router.methodsOf("/v1/keys/a")).toEqual(["GET", "DELETE"]);
  expect(router.methodsOf("/")).toEqual([]);
});
