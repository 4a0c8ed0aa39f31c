import { expect, test } from "vitest";
import { detailsOf, problemOf } from "./problem.ts";

test("the members of a problem are kept", async () => {
  const body = { type: "/problems/busy", title: "Busy", status: 503, detail: "Later.", fix: "Wait.", retryAfter: 3 };
  const headers = { "content-type": "application/problem+json" };
  expect((await problemOf(new Response(JSON.stringify(body), { status: 503, headers }))).details).toEqual(body);
});

test("an answer of something between, without a problem, is explained", async () => {
  const { details } = await problemOf(new Response("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway" }));
  expect(details).toMatchObject({
    status: 502,
    title: "Bad Gateway",
    detail: expect.stringContaining("502") as string,
  });
  const broken = await problemOf(new Response("{", { status: 500, headers: { "content-type": "application/json" } }));
  expect(broken.details.status).toBe(500);
});

test("a thrown value of any kind has a text", () => {
  expect(detailsOf("x")).toMatchObject({ detail: "x", status: 0 });
  expect(detailsOf(new TypeError("not a function")).detail).toBe("not a function");
});
