import { kafkaSettings } from "@saasaparilla/shared/kafka/settings.ts";
import { commonSettings, storeSettings } from "@saasaparilla/shared/settings.ts";
import { identitySettings } from "@saasaparilla/shared/auth/settings.ts";
import { nodeServerSettings, serverSettings } from "@saasaparilla/shared/http/settings.ts";
import { tenantTimelineSettings } from "@saasaparilla/shared/auth/policies/tenant-timeline.ts";
import { timelineSettings } from "@saasaparilla/shared/timeline/open-events.ts";
import { tracingSettings } from "@saasaparilla/shared/tracing/settings.ts";
import { tenantLimitSettings } from "@saasaparilla/shared/auth/policies/tenant-limits.ts";
import { z } from "zod";
import { consoleSettings } from "#services/console/settings.ts";
import { courierSettings } from "#services/courier/settings.ts";
import { directorSettings } from "#services/director/settings.ts";
import { dispatcherSettings } from "#services/dispatcher/settings.ts";
import { distributorSettings } from "#services/distributor/settings.ts";
import { settings as provisionSettings } from "#services/provision/settings.ts";
import { recorderSettings } from "#services/recorder/settings.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";

/** docs/reference/settings.md from the schemas, with their names, defaults, bounds and descriptions. */
interface Section {
  title: string;
  about: string;
  schema: z.ZodObject;
}

/** A mask of all settings of a schema, for `omit`. */
function maskOf<Shape extends z.ZodRawShape>({ shape }: z.ZodObject<Shape>): Record<keyof Shape, true> {
  return Object.fromEntries(Object.keys(shape).map((name) => [name, true])) as Record<keyof Shape, true>;
}

const SECTIONS: Section[] = [
  {
    title: "Stores",
    about: "For all services. Console and recorder do not use Redis.",
    schema: storeSettings.omit(maskOf(kafkaSettings)),
  },
  { title: "Kafka", about: "For all services.", schema: kafkaSettings },
  {
    title: "Ports and callers",
    about: "For all services except provision.",
    schema: serverSettings,
  },
  {
    title: "Idle connections",
    about: "For receiver, director, courier, dispatcher, recorder and console. The distributor has `KEEP_ALIVE`.",
    schema: nodeServerSettings,
  },
  {
    title: "Traces",
    about:
      "For receiver, director, distributor, courier and dispatcher: [traces](../operations/tracing.md). The exporter reads its other standard settings, for example `OTEL_EXPORTER_OTLP_COMPRESSION` and `OTEL_EXPORTER_OTLP_CERTIFICATE`.",
    schema: tracingSettings,
  },
  {
    title: "Every service",
    about: "Provision reads only `NAMESPACE` and `LOG_LEVEL`.",
    schema: commonSettings.omit({ PORT: true }),
  },
  {
    title: "Authentication",
    about: "For all services except provision and recorder.",
    schema: identitySettings,
  },
  {
    title: "Tenants",
    about: "For receiver, director, distributor, courier and dispatcher.",
    schema: tenantLimitSettings,
  },
  {
    title: "Timeline",
    about: "For receiver and dispatcher, which decide what is followed.",
    schema: tenantTimelineSettings,
  },
  {
    title: "Events",
    about: "For receiver, director, distributor, courier and dispatcher, which write events for the timeline.",
    schema: timelineSettings,
  },
  { title: "Receiver", about: "", schema: receiverSettings },
  { title: "Director", about: "", schema: directorSettings },
  { title: "Distributor", about: "", schema: distributorSettings },
  { title: "Courier", about: "", schema: courierSettings },
  { title: "Dispatcher", about: "", schema: dispatcherSettings },
  { title: "Recorder", about: "", schema: recorderSettings },
  { title: "Console", about: "", schema: consoleSettings },
  { title: "Provision", about: "", schema: provisionSettings },
];

const HEAD = `# Settings

Set them as environment variables. A wrong value stops the start, and the error names the variable. To keep a password out of the environment, put it into a file and name that file in \`NAME_FILE\`. An empty variable counts as not set.

\`npx just settings\` writes this page from the schemas, and a test compares them. [Sizing](../guides/sizing.md) helps you choose values for a load. You can set most limits for one tenant, too: [limits](../concepts/limits.md#fixed-limits-and-shares).
`;

/** The accepted values and the bounds of a schema, from its JSON Schema. */
interface Described {
  default?: string | number | boolean;
  type?: string;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
}

export function settingsDocument(): string {
  const told = new Set<z.ZodType>();
  return [HEAD, ...SECTIONS.map((section) => tableOf(section, told))].join("\n");
}

/** A setting of several schemas is listed in the first section that has it. */
function tableOf({ title, about, schema }: Section, told: Set<z.ZodType>): string {
  const fields = Object.entries(schema.shape as Record<string, z.ZodType>).filter(([, field]) => !told.has(field));
  const rows = fields.map(([name, field]) => {
    told.add(field);
    const { description } = field.meta() ?? {};
    if (description === undefined) throw new Error(`${name} has no description: give it .meta({ description }).`);
    return `| \`${name}\` | ${startOf(field)} | ${description.replaceAll(/[|<]/g, "\\$&")} |`;
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
