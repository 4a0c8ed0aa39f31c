import { expect, test } from "vitest";
import { rowSchemas } from "./schema.ts";

test.for(["", "x", "ftp://a", "http://example.com", "https://"])("an invalid key address is refused: %j", (jwksUrl) => {
  const issuer = { issuer: "i", audience: "a", algorithms: ["ES256"], jwksUrl };
  expect(rowSchemas.issuer.safeParse(issuer).success).toBe(false);
});

test("a valid key address is accepted", () => {
  for (const jwksUrl of ["https://idp.example/jwks", "http://127.0.0.1:8000/jwks"])
    expect(rowSchemas.issuer.safeParse({ issuer: "i", audience: "a", algorithms: ["ES256"], jwksUrl }).success).toBe(
      true,
    );
});
