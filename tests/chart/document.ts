import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, isScalar, parseDocument, type Pair } from "yaml";
import { TENANT_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import { courierSettings } from "#services/courier/settings.ts";
import { directorSettings } from "#services/director/settings.ts";
import { dispatcherSettings } from "#services/dispatcher/settings.ts";
import { recorderSettings } from "#services/recorder/settings.ts";
import { consoleSettings } from "#services/console/settings.ts";
import { distributorSettings } from "#services/distributor/settings.ts";
import { settings as receiverSettings } from "#services/receiver/settings.ts";
import { chart } from "./render.ts";

const MARKS = ["<!-- values -->", "<!-- end of values -->"] as const;

interface Row {
  path: string;
  value: string;
  about: string;
}

/**
 * A table row for each value whose comment begins with `--`. A value without a comment that is not a section is an
 * omission.
 */
function rows(): { rows: Row[]; without: string[] } {
  const rows: Row[] = [];
  const without: string[] = [];
  const visit = (pairs: readonly Pair[], path: string[], above: string | null | undefined): void => {
    for (const [index, { key, value }] of pairs.entries()) {
      const at = [...path, String(key)];
      // The first key of a map has its comment on the map.
      const comment = (isScalar(key) && key.commentBefore) || (index === 0 ? above : undefined) || "";
      const about = /^ -- (.*)/s.exec(comment.split("\n\n").at(-1) ?? "")?.[1];
      if (about !== undefined)
        rows.push({ path: at.join("."), value: JSON.stringify(plain(value)), about: about.replaceAll(/\n */g, " ") });
      else if (isMap(value) && value.items.length > 0) visit(value.items, at, value.commentBefore);
      else without.push(at.join("."));
    }
  };
  const document = parseDocument(readFileSync(join(chart, "values.yaml"), "utf8"));
  if (isMap(document.contents)) visit(document.contents.items, [], undefined);
  return { rows, without };
}

const plain = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "toJSON" in value ? (value as { toJSON(): unknown }).toJSON() : value;

/** The correct README.md. */
export function readme(present: string): string {
  const { rows: lines, without } = rows();
  if (without.length > 0) throw new Error(`values.yaml: these have no comment: ${without.join(", ")}`);
  const table = ["| value | default | what |", "| --- | --- | --- |"];
  for (const { path, value, about } of lines)
    table.push(`| \`${path}\` | \`${value}\` | ${about.replaceAll("|", "\\|")} |`);
  const [before, rest] = present.split(MARKS[0]);
  const after = rest?.split(MARKS[1])[1];
  if (after === undefined) throw new Error(`README.md: ${MARKS.join(" and ")} are missing`);
  return `${before}${MARKS[0]}\n\n${table.join("\n")}\n\n${MARKS[1]}${after}`;
}

/** Settings that other values replace, or that need files that no pod has. */
const OTHERWISE =
  /^(NAMESPACE|LOG_LEVEL|HOST|PORT|TLS_.*|KAFKA_.*|DATABASE_URL|REDIS_.*|AUTH_.*|SHUTDOWN_MS|DRAIN_MS|ALLOWED_ORIGINS|TRUSTED_PROXIES|PROXY_HOPS|SECRETS_KEY|KEY_ENVIRONMENT|CONSOLE_OIDC_.*|METRICS_URLS|PROMETHEUS_URL|(RECEIVER|DISTRIBUTOR|DIRECTOR|COURIER|DISPATCHER)_URL|OTEL_EXPORTER_OTLP_(TRACES_)?(ENDPOINT|HEADERS)|OTEL_TRACES_SAMPLER(_ARG)?)$/;

/** Numbers with their limits; each service parses its other settings from text. */
function typeOf(setting: z.ZodType): object {
  const { type, minimum, maximum } = z.toJSONSchema(setting, { unrepresentable: "any" });
  return type === "integer" || type === "number"
    ? { type, minimum, maximum }
    : { type: ["string", "number", "boolean"] };
}

/** The correct values.schema.json: it contains the services' own settings, and the form of a tenant's name. */
export function schema(present: string): string {
  const document = JSON.parse(present) as { definitions: Record<string, object> };
  document.definitions.tenant = { type: "string", pattern: TENANT_FORM.source };
  for (const [kind, { shape }] of Object.entries({
    receiver: receiverSettings,
    director: directorSettings,
    distributor: distributorSettings,
    courier: courierSettings,
    dispatcher: dispatcherSettings,
    recorder: recorderSettings,
    console: consoleSettings,
  }))
    document.definitions[`${kind}Settings`] = {
      type: "object",
      additionalProperties: false,
      properties: Object.fromEntries(
        Object.keys(shape)
          .filter((name) => !OTHERWISE.test(name))
          .toSorted()
          .map((name) => [name, typeOf((shape as Record<string, z.ZodType>)[name]!)]),
      ),
    };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
