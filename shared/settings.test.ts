import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commonSettings } from "./settings.ts";
import { readSettings } from "#runtime/load-settings.ts";
import { identitySettings } from "#auth/settings.ts";

const right = {
  KAFKA_BROKERS: "a:1, b:2",
  DATABASE_URL: "postgres://user:secret@host/db",
  REDIS_URL: "redis://host",
  PORT: "8080",
};

test("settings have their defaults, and an empty variable counts as unset", () => {
  expect(readSettings(commonSettings, { ...right, NAMESPACE: "" })).toMatchObject({
    NAMESPACE: "notifications",
    KAFKA_BROKERS: ["a:1", "b:2"],
    REDIS_URL: ["redis://host"],
    REDIS_CLUSTER: false,
    PORT: 8080,
  });
});

test.each([
  ["PORT", "eighty", /PORT: .*not "eighty"/],
  ["NAMESPACE", "Über", /NAMESPACE: lower-case letters, digits and _, .*not "Über"/],
  ["REDIS_URL", "redis://a,http://b", /REDIS_URL: .*not "\(hidden\)"/],
  ["KAFKA_BROKERS", "", /KAFKA_BROKERS: is not set/],
  [
    "TRUSTED_PROXIES",
    "10.0.0.1,0.0.0.0/0",
    /TRUSTED_PROXIES: your proxies' addresses .*not "10\.0\.0\.1,0\.0\.0\.0\/0"/,
  ],
])("a wrong %s is named, with the expected form", (name, value, message) => {
  expect(() => readSettings(commonSettings, { ...right, [name]: value })).toThrow(message);
});

test("keys come from a file, by TLS, or from this machine: otherwise an attacker could insert a key", () => {
  const read = (AUTH_JWKS: string) => readSettings(identitySettings, { AUTH_JWKS, AUTH_ISSUER: "i" }).AUTH_JWKS;
  for (const place of ["keys/jwks.json", "https://issuer.example/jwks", "http://localhost:8000/jwks", "http://[::1]/"])
    expect(read(place)).toBe(place);
  for (const place of ["http://issuer.example/jwks", "HTTP://issuer.example/jwks", "http://127.0.0.1.example/jwks"])
    expect(() => read(place)).toThrow(/AUTH_JWKS: a file's path, or an https URL/);
});

test("a wrong URL is named without its text, because it may contain a password", () => {
  const read = () => readSettings(commonSettings, { ...right, DATABASE_URL: "mysql://root:secret@host" });
  expect(read).toThrow(/DATABASE_URL: .*\(hidden\)/);
  expect(read).not.toThrow(/secret/);
});

test("a setting may be in a file that another variable names; its own variable takes precedence", () => {
  const folder = mkdtempSync(join(tmpdir(), "settings-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "url");
  writeFileSync(path, "redis://of-the-file\n");
  const { REDIS_URL, ...rest } = right;
  expect(readSettings(commonSettings, { ...rest, REDIS_URL_FILE: path }).REDIS_URL).toEqual(["redis://of-the-file"]);
  expect(readSettings(commonSettings, { ...rest, REDIS_URL, REDIS_URL_FILE: path }).REDIS_URL).toEqual([REDIS_URL]);
  expect(() => readSettings(commonSettings, { ...rest, REDIS_URL_FILE: `${path}s` })).toThrow(
    /REDIS_URL_FILE: .*urls cannot be read: ENOENT/,
  );
});
