import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Site } from "./site.ts";

const folder = mkdtempSync(join(tmpdir(), "site-"));
mkdirSync(join(folder, "assets"));
writeFileSync(join(folder, "index.html"), "<!doctype html>page");
writeFileSync(join(folder, "assets/main-1a2b.js"), "plain");
writeFileSync(join(folder, "assets/main-1a2b.js.br"), "brotli");
writeFileSync(join(folder, "assets/main-1a2b.js.gz"), "gzip");
writeFileSync(join(folder, "built-from"), "secret");
afterAll(() => rmSync(folder, { recursive: true }));

const site = new Site(folder);
const ask = (path: string, headers: Record<string, string> = {}) => site.answer({ method: "GET", path, headers });
const HTML = { accept: "text/html,*/*" };
const bodyOf = (answer: ReturnType<typeof ask>): string => Buffer.from(answer?.body ?? "").toString();

test("every page that a browser opens is the web application", () => {
  for (const path of ["/", "/t/acme/clients/u1", "/t/acme/clients/ada@example.com", "/t/acme.eu/try", "/audit"])
    expect(bodyOf(ask(path, HTML))).toContain("page");
});

test("the API, missing scripts and paths outside the folder are no pages", () => {
  for (const path of [
    "/v1/nothing",
    "/assets/gone.js",
    "/built-from.txt",
    "/../site.ts",
    "/assets/../../x.js",
    "/t/acme/clients/../../x.js",
  ])
    expect([path, ask(path, HTML)]).toEqual([path, undefined]);
  expect(ask("/t/acme")).toBeUndefined();
  expect(bodyOf(ask("/built-from", HTML))).not.toContain("secret");
});

test("a hashed file is kept for ever, and sent in the best form that the browser accepts", () => {
  const path = "/assets/main-1a2b.js";
  const forms = ["gzip, br", "gzip", "br;q=0, gzip;q=1", "", "br;q=0.0"].map((accepted) =>
    bodyOf(ask(path, { "accept-encoding": accepted })),
  );
  expect(forms).toEqual(["brotli", "gzip", "gzip", "plain", "plain"]);
  expect(ask(path)?.headers).toMatchObject({
    "cache-control": "public, max-age=31536000, immutable",
    "content-type": "text/javascript; charset=utf-8",
    vary: "accept-encoding",
  });
});

test("a page is asked for again, and answered 304 if it has not changed", () => {
  const { etag = "", "cache-control": cache } = ask("/", HTML)!.headers!;
  expect(cache).toBe("no-cache");
  expect(ask("/", { ...HTML, "if-none-match": `W/${etag}` })?.status).toBe(304);
  expect(ask("/", { ...HTML, "if-none-match": '"other"' })?.status).toBe(200);
});

test("no other page can frame a page, and nothing inline or from elsewhere runs in it", () => {
  const headers = ask("/", HTML)!.headers!;
  const policy = headers["content-security-policy"]!;
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
    expect(policy).toContain(part);
  expect(policy).not.toContain("unsafe");
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
  });
});

test("without a build, the page says how to build it", () => {
  const answer = new Site(join(folder, "none")).answer({ method: "GET", path: "/", headers: HTML });
  expect([answer?.status, answer?.body]).toEqual([503, expect.stringContaining("npx just console-web")]);
  expect(answer?.headers?.["content-security-policy"]).toContain("default-src 'none'");
});
