import { readFileSync } from "node:fs";
import { request as plain } from "node:http";
import { request as secure } from "node:https";
import { portOf, serviceOf } from "./services.ts";

/** Docker's health check: whether the service of this container is ready. The image has no shell and no curl. */
const service = readFileSync("/proc/1/cmdline", "utf8")
  .split("\0")
  .map(serviceOf)
  .find((name) => name !== undefined);
const port = Number(process.env.PORT) || (service && portOf(service));

function fail(reason: string): void {
  process.stdout.write(reason);
  process.exit(1);
}

if (port === undefined) fail("No service runs here.");
const options = { host: "127.0.0.1", port, path: "/health/ready", timeout: 4_000, agent: false };
// The request uses no name, so it cannot check the name in the certificate.
const request = process.env.TLS_CERT ? secure({ ...options, rejectUnauthorized: false }) : plain(options);
request.once("timeout", () => fail("no answer"));
request.once("error", (error) => fail(error.message));
request.once("response", (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.pipe(process.stdout);
});
request.end();
