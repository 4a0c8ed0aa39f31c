import { expect, test } from "vitest";
import { connectionName, FORMAT, formatOf } from "./format.ts";

test("the name of a connection says the service and its format; a name of an earlier version says only the service", () => {
  expect(formatOf(connectionName("receiver"))).toEqual({ service: "receiver", format: FORMAT });
  expect(formatOf(connectionName("director", 17))).toEqual({ service: "director", format: 17 });
  for (const service of ["receiver", "director.format-", "a.format-x", ""])
    expect(formatOf(service)).toEqual({ service, format: 1 });
});
