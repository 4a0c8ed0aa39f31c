import { afterAll, beforeAll, expect, test } from "vitest";
import { ConsoleApi } from "#tests/support/console-api.ts";
import { auditEntries, type AuditEntry } from "#tests/support/audit-entries.ts";
import type { Service, Stack } from "#tests/support/stack.ts";
import { connects, publishes, startTenancy } from "#tests/support/tenants.ts";

let stack: Stack;
let receiver: Service;
let distributor: Service;
let desk: Service;
let operator: ConsoleApi;

beforeAll(async () => {
  ({ stack, receiver, distributor, desk, operator } = await startTenancy());
});

afterAll(() => stack.close());

test("the audit log has each attempt, allowed or refused, of every service, and never the token", async () => {
  const tokens = {
    allowed: await stack.token({ publisher: "audit-allowed" }),
    refused: await stack.token({ publisher: "audit-refused", scope: "nothing" }),
    connected: await stack.token({ client: "audit-connected" }),
    expired: await stack.token({ client: "audit-expired", ttl: -120 }),
    operator: await stack.token({ publisher: "audit-operator", scope: "read" }),
  };
  for (let time = 0; time < 3; time += 1) expect(await publishes(receiver, tokens.allowed)).toBe(202);
  expect(await publishes(receiver, tokens.refused)).toBe(403);
  expect(await connects(distributor, tokens.connected)).toBe(200);
  expect(await connects(distributor, tokens.expired)).toBe(403);
  await new ConsoleApi(desk, tokens.operator).does("GET", "");
  await fetch(`${stack.services[1]!.url}/v1/dead-letters`);
  const of = (entries: AuditEntry[], subject: string): AuditEntry[] =>
    entries.filter((entry) => entry.subject === subject);
  const sum = (entries: AuditEntry[]): number => entries.reduce((total, { times = 1 }) => total + times, 0);
  let entries: AuditEntry[] = [];
  await expect
    .poll(async () => {
      entries = await auditEntries(stack);
      return [
        sum(of(entries, "audit-allowed")),
        ...["refused", "connected", "expired", "operator"].map((name) => of(entries, `audit-${name}`).length),
      ];
    })
    .toEqual([3, 1, 1, 1, 1]);
  expect(of(entries, "audit-allowed")[0]).toMatchObject({
    service: "receiver",
    allowed: true,
    scope: "publish",
    method: "post",
    path: "/v1/notifications",
    tenant: "acme",
    source: { kind: "platform" },
    address: expect.stringContaining("127.0.0.1"),
  });
  expect(of(entries, "audit-refused")[0]).toMatchObject({ allowed: false, why: 'the token does not allow "publish"' });
  expect(of(entries, "audit-expired")[0]).toMatchObject({
    service: "distributor",
    allowed: false,
    why: expect.stringContaining("exp"),
  });
  await expect
    .poll(async () =>
      (await auditEntries(stack)).some(({ service, allowed }) => service === "director" && allowed === false),
    )
    .toBe(true);
  // An operator's action on a director has an outcome entry, too.
  const headers = { authorization: `Bearer ${await stack.token({ publisher: "redriver", scope: "operate" })}` };
  await fetch(`${stack.services[1]!.url}/v1/dead-letters/0-99/redrive`, { method: "POST", headers });
  await expect
    .poll(async () => of(await auditEntries(stack), "redriver").map(({ outcome }) => outcome))
    .toEqual([undefined, "refused"]);
  // The same holds if no handler gets the body.
  const [keys, redrive] = [
    `${desk.url}/v1/tenants/acme/keys`,
    `${stack.services[1]!.url}/v1/dead-letters/0-99/redrive`,
  ];
  for (const [name, status, request] of [
    ["large", 413, { body: Buffer.alloc(70_000) }],
    ["encoded", 415, { body: "{}", headers: { "content-encoding": "gzip" } }],
  ] as const) {
    const authorization = `Bearer ${await stack.token({ publisher: name, scope: "operate" })}`;
    const sent = {
      method: "POST",
      ...request,
      headers: { ...("headers" in request && request.headers), authorization },
    };
    for (const url of [keys, redrive]) expect((await fetch(url, sent)).status).toBe(status);
    await expect
      .poll(async () =>
        of(await auditEntries(stack), name)
          .map(({ outcome = "let in", service }) => [service, outcome].join(" "))
          .sort(),
      )
      .toEqual(["console let in", "console refused", "director let in", "director refused"]);
  }
  const { id } = await operator.does("POST", "/acme/keys", { name: "audited", scopes: ["publish"] });
  await expect
    .poll(async () =>
      (await auditEntries(stack)).filter(({ path }) => path === `/v1/tenants/acme/keys/${id as string}`),
    )
    .toMatchObject([{ method: "made", subject: "operator", allowed: true }]);
  // A token in a query may end up in a log: every service refuses it before a check.
  for (const url of [`${desk.url}/v1/tenants`, `${distributor.url}/v1/poll`, `${distributor.url}/v1/sse`])
    expect((await fetch(`${url}?token=${tokens.operator}`)).status).toBe(400);
  await expect
    .poll(async () =>
      (await auditEntries(stack)).flatMap(({ why, path }) => (why === "its token is in its query" ? path : [])),
    )
    .toEqual(expect.arrayContaining(["/v1/tenants", "/v1/poll", "/v1/sse"]));
  const text = JSON.stringify(await auditEntries(stack));
  for (const token of Object.values(tokens)) expect(text).not.toContain(token.split(".")[2]);
});
