import { readFileSync } from "node:fs";
import { join } from "node:path";
import { kafkaSettings } from "@saasaparilla/shared/kafka/settings.ts";
import { commonSettings, storeSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings, serverSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";
import { consoleSettings } from "#services/console/settings.ts";
import { directorSettings } from "#services/director/settings.ts";
import { distributorSettings } from "#services/distributor/settings.ts";
import { settings as provisionSettings } from "#services/provision/settings.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";
import { repository } from "#local/process/paths.ts";

/**
 * docs/reference/settings.md from the schemas: names, defaults and bounds are theirs, and what a setting means is the comment above it.
 */
interface Section {
  title: string;
  about: string;
  schema: z.ZodObject;
  file: string;
}

const SECTIONS: Section[] = [
  {
    title: "Stores",
    about: "For all services. The console does not use Redis.",
    schema: storeSettings,
    file: "shared/settings.ts",
  },
  { title: "Kafka", about: "For all services.", schema: kafkaSettings, file: "shared/kafka/settings.ts" },
  {
    title: "Ports and callers",
    about: "For all services except provision.",
    schema: serverSettings,
    file: "shared/http/settings.ts",
  },
  {
    title: "Idle connections",
    about: "For receiver, director and console. The distributor has `KEEP_ALIVE`.",
    schema: nodeServerSettings,
    file: "shared/http/settings.ts",
  },
  {
    title: "Every service",
    about: "Provision reads only `NAMESPACE` and `LOG_LEVEL`.",
    schema: commonSettings.omit({ PORT: true }),
    file: "shared/settings.ts",
  },
  {
    title: "Authentication",
    about: "For all services except provision.",
    schema: identitySettings,
    file: "shared/auth/settings.ts",
  },
  {
    title: "Tenants",
    about: "For receiver, director and distributor.",
    schema: tenantLimitSettings,
    file: "shared/auth/policies/tenant-limits.ts",
  },
  { title: "Receiver", about: "", schema: receiverSettings, file: "services/receiver/settings.ts" },
  { title: "Director", about: "", schema: directorSettings, file: "services/director/settings.ts" },
  { title: "Distributor", about: "", schema: distributorSettings, file: "services/distributor/settings.ts" },
  { title: "Console", about: "", schema: consoleSettings, file: "services/console/settings.ts" },
  { title: "Provision", about: "", schema: provisionSettings, file: "services/provision/settings.ts" },
];

const HEAD = `# Settings

Set them as environment variables. A wrong value stops the start, and the error names the variable. To keep a password out of the environment, put it into a file and name that file in \`NAME_FILE\`. An empty variable counts as not set.

\`npx just settings\` writes this page from the schemas, and a test compares them. [Sizing](../guides/sizing.md) helps you choose values for a load. You can set most limits for one tenant, too: [limits](../concepts/limits.md#fixed-limits-and-shares).
`;

/** What a schema takes and where it begins, as JSON Schema says it. */
interface Described {
  default?: string | number | boolean;
  type?: string;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
}

export function settingsDocument(): string {
  const told = new Set<string>();
  return [HEAD, ...SECTIONS.map((section) => tableOf(section, told))].join("\n");
}

function tableOf({ title, about, schema, file }: Section, told: Set<string>): string {
  const meanings = meaningsIn(readFileSync(join(repository, file), "utf8"));
  const rows = Object.entries(schema.shape).flatMap(([name, field]) => {
    const meaning = meanings.get(name);
    // What another file defines stands in the section of that file.
    if (meaning === undefined || told.has(`${file} ${name}`)) return [];
    told.add(`${file} ${name}`);
    return [`| \`${name}\` | ${startOf(field as z.ZodType)} | ${meaning.replaceAll(/[|<]/g, "\\$&")} |`];
  });
  return [
    `## ${title}`,
    "",
    ...(about === "" ? [] : [about, ""]),
    "| setting | default | meaning |",
    "| --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

function startOf(field: z.ZodType): string {
  const described = z.toJSONSchema(field, { io: "input", unrepresentable: "any" }) as Described;
  const left = field.safeParse(undefined);
  const start = described.default ?? (left.data as Described["default"]);
  const bounds = [
    ...(described.enum ? [described.enum.join(", ")] : []),
    ...(described.minimum !== undefined && described.minimum > 1 ? [`at least ${described.minimum}`] : []),
    ...(described.maximum !== undefined && described.maximum < Number.MAX_SAFE_INTEGER
      ? [`at most ${described.maximum}`]
      : []),
  ];
  const text = !left.success ? "**required**" : String(start ?? "") === "" ? "none" : `\`${String(start)}\``;
  return bounds.length > 0 ? `${text} (${bounds.join("; ")})` : text;
}

/** The comment right above a name, in a file of schemas. */
export function meaningsIn(source: string): Map<string, string> {
  return new Map(
    [...source.matchAll(/\/\*\* ([^*]+) \*\/\n\s+([A-Z][A-Z_]+):/g)].map((match) => [match[2]!, match[1]!]),
  );
}
