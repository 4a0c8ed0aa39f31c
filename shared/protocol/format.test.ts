import { expect, test } from "vitest";
import { connectionName, FORMAT, readConnectionName } from "./format.ts";

test("the name of a connection says the service and its format; a name of an earlier version says only the service", () => {
  expect(readConnectionName(connectionName("receiver"))).toEqual({ service: "receiver", format: FORMAT });
  expect(readConnectionName(connectionName("director", 17))).toEqual({ service: "director", format: 17 });
  for (const service of ["receiver", "director.format-", "a.format-x", ""])
    expect(readConnectionName(service)).toEqual({ service, format: 1 });
});
