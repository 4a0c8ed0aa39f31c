import { runtime } from "@pulumi/pulumi";
import { readSettings } from "./settings.ts";
import { makeStores, type Outputs } from "./stores.ts";

/** A resource as the program asks for it. */
export interface Declared {
  type: string;
  name: string;
  inputs: Record<string, unknown>;
  /** The same without the secrets: the engine encrypts those in its state. */
  open: Record<string, unknown>;
  /** Whether it stays after it is deleted from the program. */
  kept: boolean;
}

/** A part of every secret that the mocks invent, so that a test finds each copy of one. */
export const HIDDEN = "hidden";

export interface Program {
  outputs: Outputs;
  declared: Declared[];
}

/** Runs the program against mocks, without an engine or a provider. It creates nothing. */
export async function declare(config: Record<string, string>): Promise<Program> {
  const declared: Declared[] = [];
  const kept = new Set<string>();
  await runtime.setMocks({
    newResource({ type, name, inputs, id }) {
      const given = revealed(inputs, true) as Record<string, unknown>;
      const open = revealed(inputs, false) as Record<string, unknown>;
      declared.push({ type, name, inputs: given, open, kept: kept.has(`${type} ${name}`) });
      return { id: id ?? `${name}-id`, state: { ...given, ...made(type, name) } };
    },
    call: ({ inputs }) => inputs as Record<string, unknown>,
  });
  // Mocks do not receive the options.
  const monitor = runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, answer) => {
    if (request.getRetainondelete()) kept.add(`${request.getType()} ${request.getName()}`);
    return register(request, answer);
  };
  const outputs = makeStores(readSettings((name) => config[name]));
  await runtime.disconnect();
  return { outputs, declared };
}

interface Monitor {
  registerResource(
    request: { getType(): string; getName(): string; getRetainondelete(): boolean },
    answer: unknown,
  ): unknown;
}

/** The outputs that a provider would add. */
function made(type: string, name: string): Record<string, unknown> {
  switch (type) {
    case "random:index/randomPassword:RandomPassword":
      return { result: `${HIDDEN}-password-${name}` };
    case "random:index/randomId:RandomId":
      return { b64Url: "0123456789abcdefghijkl" };
    case "tls:index/privateKey:PrivateKey":
      return { privateKeyPem: `${HIDDEN}-key-${name}`, privateKeyPemPkcs8: `${HIDDEN}-key-${name}` };
    case "tls:index/certRequest:CertRequest":
      return { certRequestPem: `request of ${name}` };
    case "tls:index/selfSignedCert:SelfSignedCert":
    case "tls:index/locallySignedCert:LocallySignedCert":
      return { certPem: `certificate of ${name}` };
    case "docker:index/remoteImage:RemoteImage":
      return { imageId: `sha256:${name}` };
    case "docker:index/container:Container":
      return { exitCode: 0 };
    default:
      return {};
  }
}

/** The SDK marks a secret value for the engine with this key. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";

function revealed(value: unknown, secrets: boolean): unknown {
  if (Array.isArray(value)) return value.map((one) => revealed(one, secrets));
  if (typeof value !== "object" || value === null) return value;
  if (SIGNATURE in value) return secrets && "value" in value ? revealed(value.value, secrets) : undefined;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, revealed(one, secrets)]));
}
