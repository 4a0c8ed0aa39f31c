import { json } from "@saasaparilla/shared/http/response.ts";
import { z } from "zod";
import { route, type Route } from "#api/routes.ts";
import type { Figures } from "./figures.ts";
import type { Reading } from "./instances.ts";

const figures = z.strictObject({
  source: z.string(),
  times: z.array(z.number()).meta({ description: "Seconds since 1970." }),
  series: z.record(z.string(), z.array(z.number().nullable())).meta({
    description: "For each time a value, or null if it is not known. Rates per second; p50 and p99 in seconds.",
  }),
  connections: z.record(z.string(), z.number()).meta({ description: "Open connections now, by transport." }),
});

const health = z.strictObject({
  services: z.array(
    z.strictObject({
      service: z.string(),
      instance: z.string(),
      version: z.string(),
      ready: z.boolean(),
      away: z.array(z.string()).meta({ description: "The dependencies that it cannot reach." }),
      partitions: z.number().optional(),
      lag: z.number().optional(),
      lastError: z.strictObject({ at: z.iso.datetime(), message: z.string() }).optional(),
    }),
  ),
  unknown: z.array(z.string()).meta({ description: "Addresses that do not answer." }),
});

/** What the whole platform does, for operators of the platform. */
export function figureRoutes(of: Figures, now: () => Date): Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/figures",
      operation: "getFigures",
      needs: "read",
      of: "platform",
      summary: "Get the platform's figures of the last hour",
      status: 200,
      answer: figures,
      handle: async () => json(200, await of.figures()),
    }),
    route({
      method: "GET",
      path: "/v1/health/services",
      operation: "listServices",
      needs: "read",
      of: "platform",
      summary: "List the services that run, with their health",
      status: 200,
      answer: health,
      handle: async () => json(200, healthOf(await of.readings(), now().toISOString())),
    }),
  ];
}

export function healthOf(readings: readonly Reading[], at: string): z.output<typeof health> {
  return {
    services: readings.flatMap(({ instance, samples, ready, away }) => {
      const build = samples?.find(({ name }) => name === "build_info");
      if (!samples || !build) return [];
      const owned = samples.find(({ name }) => name === "partitions_owned");
      const lag = samples.find(({ name }) => name.endsWith("_lag"));
      const [[name, reason] = []] = Object.entries(away);
      return [
        {
          service: build.labels.service ?? "",
          instance,
          version: build.labels.version ?? "",
          ready,
          away: Object.keys(away),
          ...(owned && { partitions: owned.value }),
          ...(lag && { lag: lag.value }),
          ...(name !== undefined && { lastError: { at, message: `${name}: ${reason}` } }),
        },
      ];
    }),
    unknown: readings.flatMap(({ instance, samples }) => (samples ? [] : [instance])),
  };
}
