import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { portOwner } from "./port-owner.ts";
import { hasCode, local, readIfThere } from "./paths.ts";
import { UserError } from "./user-error.ts";

const defaults = {
  KAFKA_PORT: 19092,
  KAFKA_CONTROLLER_PORT: 19093,
  POSTGRES_PORT: 15432,
  REDIS_PORT: 16379,
  RECEIVER_PORT: 8080,
  DISTRIBUTOR_PORT: 8081,
  DIRECTOR_PORT: 8082,
  CONSOLE_PORT: 8083,
  COURIER_PORT: 8084,
  DISPATCHER_PORT: 8085,
  RECORDER_PORT: 8086,
};

export type PortName = keyof typeof defaults;

const memory = join(local, "ports.json");

function remembered(): Partial<Record<PortName, number>> {
  const text = readIfThere(memory);
  return text === undefined ? {} : (JSON.parse(text) as Partial<Record<PortName, number>>);
}

/**
 * From the environment, else from this copy's last run, else the default. So a second copy needs its ports only once.
 */
export function port(name: PortName): number {
  const given = process.env[name];
  if (given !== undefined && given !== "") return parse(name, given);
  const kept = remembered()[name];
  if (kept !== undefined) return kept;
  // The controller's port follows the broker's, so that one setting moves both.
  return name === "KAFKA_CONTROLLER_PORT" ? port("KAFKA_PORT") + 1 : defaults[name];
}

function parse(name: PortName, given: string): number {
  const number = Number(given);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new UserError(
    `${name} is ${JSON.stringify(given)}, which is not a port.`,
    `Set it to a number from 1 to 65535, or unset it to use ${defaults[name]}.`,
  );
}

export function rememberPort(name: PortName, number: number): void {
  const known = remembered();
  if (known[name] !== number) writeFileSync(memory, `${JSON.stringify({ ...known, [name]: number }, null, 2)}\n`);
}

/** Fails in one line if the port is in use. The error names the program, and the setting that changes our port. */
export async function wantPort(name: PortName, number: number, label: string): Promise<void> {
  if (await isFree(number)) return;
  const holder = await portOwner(number);
  const example = `${name}=${number + 1000}`;
  throw new UserError(
    `Port ${number}, wanted for ${label}, is taken${holder === undefined ? "" : ` by ${holder}`}.`,
    `Stop that, or choose another port: ${example} npm start`,
  );
}

function isFree(number: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => {
      if (hasCode(error, "EADDRINUSE")) resolve(false);
      else
        reject(
          hasCode(error, "EACCES")
            ? new UserError(`Port ${number} cannot be opened by this user.`, "Choose one above 1023.")
            : error,
        );
    });
    server.listen({ host: "127.0.0.1", port: number, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
