import { expect, test } from "vitest";
import { Health } from "@saasaparilla/shared/runtime/health.ts";
import { createLog } from "@saasaparilla/shared/runtime/log.ts";
import { connectPostgres } from "@saasaparilla/shared/postgres/client.ts";

test("a connection that ends within a transaction fails the transaction, and not the process", async () => {
  const options = { service: "test", log: createLog("test", "fatal"), health: new Health([]) };
  const postgres = connectPostgres(process.env.DATABASE_URL!, options);
  const session = await postgres.pool.connect();
  const { rows } = await session.query<{ pid: number }>("select pg_backend_pid() as pid");
  await session.query("begin");
  const ended = new Promise((resolve) => session.once("end", resolve));
  await postgres.pool.query("select pg_terminate_backend($1)", [rows[0]!.pid]);
  await ended;
  await expect(session.query("select 1")).rejects.toThrow(/connection/i);
  session.release(true);
  expect((await postgres.pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await postgres.close();
});
