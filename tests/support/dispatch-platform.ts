import { vi } from "vitest";
import { ConsoleApi } from "./console-api.ts";
import { Dispatch } from "./dispatch.ts";
import { DispatcherApi } from "./dispatcher-api.ts";
import { startStack, type Kind, type Service, type Stack } from "./stack.ts";

/** A stack with an operator, and a publisher "shop" that may publish to `targets` of the tenant acme. */
export interface DispatchPlatform {
  stack: Stack;
  service: (kind: Kind) => Service;
  operator: ConsoleApi;
  token: string;
  api: DispatcherApi;
  dispatch: Dispatch;
  close(): Promise<void>;
}

export async function startDispatchPlatform({
  services = [],
  env = {},
  targets = ["*"],
}: { services?: Kind[]; env?: Record<string, string>; targets?: string[] } = {}): Promise<DispatchPlatform> {
  const stack = await startStack({ services: ["console", "dispatcher", "director", ...services], env });
  const service = (kind: Kind): Service => stack.services.find((one) => one.kind === kind)!;
  const operator = await ConsoleApi.of(stack, service("console"));
  await operator.does("PUT", "/acme/grants/shop", { role: "publisher", subjects: ["shop"], targets });
  const token = await stack.token({ publisher: "shop" });
  const api = new DispatcherApi(service("dispatcher"), token);
  const dispatch = new Dispatch(stack);
  const close = async (): Promise<void> => {
    await dispatch.close();
    await stack.close();
  };
  // Each service reads the grant independently.
  const probe = { to: { group: targets.includes("*") ? "probe" : "team-probe" }, data: 1 };
  await vi.waitUntil(async () => (await api.ask("GET", `groups/${probe.to.group}`)).status === 200, 20_000);
  if (services.includes("receiver"))
    await vi.waitUntil(async () => {
      const { status } = await fetch(`${service("receiver").url}/v1/notifications?dryRun=true`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(probe),
      });
      return status === 200;
    }, 20_000);
  return { stack, service, operator, token, api, dispatch, close };
}
