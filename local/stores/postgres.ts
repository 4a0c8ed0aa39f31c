import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "pg";
import type { Backing } from "./backing-service.ts";
import { hasCode, paths, secret } from "#local/process/paths.ts";
import { port } from "#local/process/ports.ts";
import { postgresBinaries } from "./postgres-binaries.ts";
import type { Command } from "#local/process/processes.ts";
import { runTool } from "#local/process/run-tool.ts";
import { unprivileged } from "./unprivileged.ts";

const USER = "notifications";
const DATABASE = "notifications";
const data = join(paths.data, "postgres");

export const postgres: Backing = {
  name: "postgres",
  label: "Postgres",
  variable: "DATABASE_URL",
  ports: ["POSTGRES_PORT"],
  // "Fast": it ends the sessions. SIGTERM would wait for the last client to disconnect.
  stopSignal: "SIGINT",
  url: () => urlOf(DATABASE),
  command: () => postgresIn(data, port("POSTGRES_PORT"), password()),
  answers,
};

const password = (): string => secret("postgres.password", () => randomBytes(18).toString("base64url"));

const urlOf = (database: string): string =>
  `postgres://${USER}:${password()}@127.0.0.1:${port("POSTGRES_PORT")}/${database}`;

/** A Postgres with a separate data folder and port, because a battery of faults needs a server without other users. */
export async function postgresIn(data: string, listen: number, secretWord: string): Promise<Command> {
  const { folder, env } = await postgresBinaries();
  const run = await unprivileged(join(folder, "postgres"), dirname(data));
  mkdirSync(data, { recursive: true, mode: 0o700 });
  if (run.uid !== undefined && run.gid !== undefined) chownSync(data, run.uid, run.gid);
  if (!existsSync(join(data, "PG_VERSION"))) await initialise(data, secretWord, { folder, env, run });
  const settings = {
    listen_addresses: "127.0.0.1",
    port: listen,
    unix_socket_directories: "",
    // Several services, each with a pool, and the tests beside them.
    max_connections: 200,
    log_min_duration_statement: 1000,
  };
  return {
    ...run.wrap(join(folder, "postgres"), [
      "-D",
      data,
      ...Object.entries(settings).flatMap(([k, v]) => ["-c", `${k}=${v}`]),
    ]),
    env,
    cwd: data,
  };
}

async function initialise(
  data: string,
  secretWord: string,
  { folder, env, run }: { folder: string; env: NodeJS.ProcessEnv; run: Awaited<ReturnType<typeof unprivileged>> },
): Promise<void> {
  const passwordFile = `${data}.initial-password`;
  writeFileSync(passwordFile, secretWord, { mode: 0o600 });
  if (run.uid !== undefined && run.gid !== undefined) chownSync(passwordFile, run.uid, run.gid);
  const options = [
    "-D",
    data,
    "-U",
    USER,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
  ];
  const { file, args, uid, gid } = run.wrap(join(folder, "initdb"), options);
  try {
    await runTool(file, args, {
      log: "initdb",
      fix: "Postgres could not create its data folder. Check whether the disk is full.",
      env,
      uid,
      gid,
    });
  } finally {
    rmSync(passwordFile);
  }
}

async function answers(url: string): Promise<void> {
  try {
    await select(url);
  } catch (error) {
    // 3D000: the database does not exist, because the server is new. On a server elsewhere we do not create one.
    if (!hasCode(error, "3D000") || url !== urlOf(DATABASE)) throw error;
    await select(urlOf("postgres"), `create database ${DATABASE}`);
    await select(url);
  }
}

async function select(url: string, statement = "select 1"): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2000, query_timeout: 10_000 });
  // An error after the answer does not matter, but without a listener it would end the process.
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** The platform's format, which provision stores. */
export async function presentFormat(url: string, namespace: string): Promise<number> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ format: number }>(`select format from "${namespace}".platform`);
    return rows[0]?.format ?? 1;
  } finally {
    await client.end();
  }
}
