import { ConsoleApi } from "./console-api.ts";
import { startStack, type Service, type Stack } from "./stack.ts";

/** All services, and an operator at the console: for tests of access rights. */
export interface Tenancy {
  stack: Stack;
  receiver: Service;
  distributor: Service;
  desk: Service;
  operator: ConsoleApi;
}

export async function startTenancy(env: Record<string, string> = {}): Promise<Tenancy> {
  const stack = await startStack({
    services: ["receiver", "director", "distributor", "console"],
    env: { HEARTBEAT_MS: "1000", DRAIN_MS: "0", ...env },
  });
  const [receiver, , distributor, desk] = stack.services as [Service, Service, Service, Service];
  return { stack, receiver, distributor, desk, operator: await ConsoleApi.of(stack, desk) };
}

export async function publish(
  receiver: Service,
  token: string,
  ...clients: string[]
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${receiver.url}/v1/notifications`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify(clients.map((client) => ({ to: { client }, data: 1 }))),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

export const publishes = async (receiver: Service, token: string, client = "u1"): Promise<number> =>
  (await publish(receiver, token, client)).status;

/** The status of a connect by an empty poll. */
export async function connects(distributor: Service, token: string): Promise<number> {
  const response = await fetch(`${distributor.url}/v1/poll?wait=0`, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  return response.status;
}

export async function newTenant(
  operator: ConsoleApi,
  name: string,
  trust: "scopes" | "grants" = "scopes",
): Promise<string> {
  await operator.does("PUT", `/${name}`, { trust });
  return name;
}
