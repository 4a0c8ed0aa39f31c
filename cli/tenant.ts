import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { seconds } from "@saasaparilla/shared/runtime/duration.ts";
import { askConsole } from "./console-client.ts";
import { printableJson } from "@saasaparilla/shared/runtime/printable.ts";
import { UserError, command, reasonOf } from "#local/process/user-error.ts";

const USAGE = `Usage: npx just tenant list | usage [--by bytes|clients|rate|refused] [--limit N] | show NAME | add NAME [--trust scopes|grants] | suspend NAME | resume NAME
  key NAME --name TEXT --scopes publish,read,operate [--clients u1,shop-*] [--ttl 90d] | rotate NAME KEY [--overlap 1d]
  origins NAME ORIGIN,...|none | limits NAME LIMIT=NUMBER,...|none
  issuer NAME ID --issuer NAME --audience NAME --jwks URL|FILE [--algorithms EdDSA,ES256] | --secret-file FILE
    [--subject-claim NAME] [--scope-claim NAME,...] [--scope-prefix TEXT] [--audience-claim NAME] [--any-token-subscribes]
  grant NAME ID --role publisher|subscriber|operator|auditor [--subjects u*] [--clients u*]
  revoke NAME SUBJECT|'*' | remove NAME key|issuer|grant|revocation ID`;

const text = { type: "string" } as const;
const options = {
  trust: text,
  name: text,
  scopes: text,
  clients: text,
  ttl: text,
  overlap: text,
  issuer: text,
  audience: text,
  jwks: text,
  algorithms: text,
  role: text,
  by: text,
  limit: text,
  subjects: text,
  "secret-file": text,
  "subject-claim": text,
  "scope-claim": text,
  "scope-prefix": text,
  "audience-claim": text,
  "any-token-subscribes": { type: "boolean" },
} as const;

type Options = { [K in keyof typeof options]?: (typeof options)[K] extends typeof text ? string : boolean };
type Method = "GET" | "PUT" | "POST" | "DELETE";

const list = (given: string | undefined): string[] | undefined => given?.split(",");
/** Without what was not given. */
const those = (given: object): object =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
const ask = <T = object>(method: Method, path: string, body?: object): Promise<T> =>
  askConsole<T>(method, `/v1/tenants${path}`, USAGE, body);

interface Item {
  tenant: string;
}

/** Page by page. */
async function all(path: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let after = ""; ;) {
    const page = await ask<{ items: Item[]; next?: string }>("GET", `${path}${after}`);
    items.push(...page.items);
    if (page.next === undefined) return items;
    after = `?after=${encodeURIComponent(page.next)}`;
  }
}

const KINDS = ["keys", "issuers", "grants", "revocations"];

/** Each answers what is shown. */
const verbs: Record<string, (names: string[], given: Options) => Promise<unknown>> = {
  list: () => all(""),
  usage: async (_, { by, limit }) => {
    const query = new URLSearchParams(those({ by, limit }) as Record<string, string>);
    return askConsole("GET", `/v1/loudest-tenants?${query.toString()}`, USAGE);
  },
  show: async ([name]) => {
    const tenant = await ask("GET", `/${name}`);
    const lists = await Promise.all(KINDS.map((kind) => all(`/${name}/${kind}`)));
    return { ...tenant, ...Object.fromEntries(KINDS.map((kind, index) => [kind, lists[index]!])) };
  },
  add: async ([name], { trust }) => {
    // To write it anew would let one that is suspended go on, and take its limits away.
    if ((await all("")).some(({ tenant }) => tenant === name))
      throw new UserError(`The tenant ${name} is there already.`, USAGE);
    return ask("PUT", `/${name}`, those({ trust }));
  },
  suspend: ([name]) => change(name!, { state: "suspended" }),
  resume: ([name]) => change(name!, { state: "active" }),
  origins: ([name, origins]) =>
    // An older service does not know the member: without origins it is left out.
    change(name!, { origins: origins === "none" ? undefined : decodeURIComponent(origins!).split(",") }),
  limits: ([name, limits]) => change(name!, { limits: limits === "none" ? {} : limitsIn(decodeURIComponent(limits!)) }),
  key: ([tenant], { name, scopes, clients, ttl }) =>
    ask(
      "POST",
      `/${tenant}/keys`,
      those({ name, scopes: list(scopes), clients: list(clients), expiresIn: ttl && seconds("--ttl", ttl, USAGE) }),
    ),
  rotate: ([tenant, key], { overlap }) =>
    ask(
      "POST",
      `/${tenant}/keys/${key}/rotate`,
      those({ overlapSeconds: overlap && seconds("--overlap", overlap, USAGE) }),
    ),
  issuer: ([tenant, id], { issuer, audience, jwks, algorithms, ...given }) => {
    const secret = secretIn(given["secret-file"]);
    const usual = secret === undefined ? "EdDSA,ES256,RS256" : "HS256";
    const keys = secret === undefined ? keysAt(jwks) : { secret };
    const document = { issuer, audience, algorithms: list(algorithms ?? usual), ...keys, ...mappingOf(given) };
    return ask("PUT", `/${tenant}/issuers/${id}`, those(document));
  },
  grant: ([tenant, id], { role, subjects, clients }) =>
    ask("PUT", `/${tenant}/grants/${id}`, those({ role, subjects: list(subjects), clients: list(clients) })),
  revoke: ([tenant, subject]) => ask("PUT", `/${tenant}/revocations/${subject}`, {}),
  remove: ([tenant, kind, id]) => ask("DELETE", `/${tenant}/${kind}s/${id}`),
};

const NAMES: Record<string, number> = {
  list: 0,
  usage: 0,
  origins: 2,
  limits: 2,
  rotate: 2,
  issuer: 2,
  grant: 2,
  revoke: 2,
  remove: 3,
};

/** `rate=100,weight=3`. The console knows the names. */
function limitsIn(given: string): Record<string, number> {
  return Object.fromEntries(
    given.split(",").map((pair) => {
      const [name = "", value = ""] = pair.split("=");
      if (name === "" || value === "" || !Number.isFinite(Number(value)))
        throw new UserError(`${JSON.stringify(pair)} is no limit: write it as LIMIT=NUMBER.`, USAGE);
      return [name, Number(value)];
    }),
  );
}

/** The rest of the document stays. */
async function change(name: string, members: object): Promise<unknown> {
  const { tenant: _name, changed: _changed, ...rest } = await ask<Record<string, unknown>>("GET", `/${name}`);
  return ask("PUT", `/${name}`, { ...rest, ...members });
}

/** An argument would stand in the shell's history, and in the list of processes. */
function secretIn(file: string | undefined): string | undefined {
  return file === undefined ? undefined : readFileSync(file, "utf8").replace(/\r?\n$/, "");
}

function mappingOf(given: Options): object {
  const scopes = list(given["scope-claim"]);
  return those({
    subjectClaim: given["subject-claim"],
    scopeClaim: scopes?.length === 1 ? scopes[0] : scopes,
    scopePrefix: given["scope-prefix"],
    audienceClaim: given["audience-claim"],
    defaultScopes: given["any-token-subscribes"] ? ["subscribe"] : undefined,
  });
}

function keysAt(jwks: string | undefined): object {
  if (jwks === undefined) return {};
  if (/^https?:/.test(jwks)) return { jwksUrl: jwks };
  try {
    return { jwks: JSON.parse(readFileSync(jwks, "utf8")) as object };
  } catch (error) {
    // The parser's words have a piece of the file, which may be a private key.
    const why = error instanceof SyntaxError ? "it is no JSON" : reasonOf(error);
    throw new UserError(`--jwks ${JSON.stringify(jwks)} is no JSON Web Key Set: ${why}.`, USAGE, { cause: error });
  }
}

await command(async () => {
  const { positionals, values } = parsed();
  const [verb = "list", ...given] = positionals;
  const names = given.map(encodeURIComponent);
  const act = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!act || names.length !== (NAMES[verb] ?? 1)) throw new UserError("That is no command.", USAGE);
  process.stdout.write(`${printableJson(await act(names, values), 2)}\n`);
}, USAGE);

function parsed() {
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    throw new UserError(`${reasonOf(error)}.`, USAGE, { cause: error });
  }
}
