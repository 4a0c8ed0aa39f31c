import { text } from "node:stream/consumers";
import { importJWK, type JWK } from "jose";
import { bearerOf, mint, OPTIONS } from "./mint.ts";

/** Run in a container of a service, which knows its issuer but holds no key: that comes on stdin, and the token goes to stdout. */
const USAGE = `Usage: node image/token.ts ${OPTIONS}, with the private key as a JWK on stdin`;

try {
  const bearer = bearerOf(process.argv.slice(2), USAGE);
  const { AUTH_ISSUER: issuer = "", AUTH_AUDIENCE: audience = "" } = process.env;
  const token = await mint(bearer, await keyFrom(process.stdin), { issuer, audience, tenant: "default" });
  process.stdout.write(`${token}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function keyFrom(stream: NodeJS.ReadableStream): Promise<JWK> {
  try {
    const key = JSON.parse(await text(stream)) as JWK;
    await importJWK(key);
    return key;
  } catch (error) {
    throw new Error(`What came on stdin is no key with its algorithm. ${USAGE}`, { cause: error });
  }
}
