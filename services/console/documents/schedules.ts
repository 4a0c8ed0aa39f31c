import { CronTimes, inZone } from "@saasaparilla/shared/dispatch/cron.ts";
import { documentSchemas, writtenSchedule } from "@saasaparilla/shared/dispatch/documents.ts";
import { json } from "@saasaparilla/shared/http/response.ts";
import { NAME_FORM } from "@saasaparilla/shared/protocol/notification.ts";
import { z } from "zod";
import { resource, type ResourceParts } from "#api/resource.ts";
import { notFound } from "#api/responses.ts";
import { route, type Route } from "#api/routes.ts";

const { schedule } = documentSchemas;
const isId = (id: string): boolean => NAME_FORM.test(id);
const TIMES = 5;

const explained = z.strictObject({
  zone: z.string(),
  paused: z.boolean().meta({ description: "Whether it is paused. A paused schedule does not publish." }),
  times: z.array(z.iso.datetime({ offset: true })).meta({ description: `The next ${TIMES} times, in its time zone.` }),
});

export function scheduleRoutes(parts: ResourceParts, now: () => Date): Route[] {
  return [
    ...resource(parts, {
      kind: "schedule",
      writes: "tenant",
      summary: "publishes at the times of a cron expression in a time zone",
      body: writtenSchedule(now),
      answer: schedule,
      isId,
      row: async (body) => body,
    }),
    route({
      method: "POST",
      path: "/v1/tenants/:tenant/schedules/:id/explain",
      isId,
      needs: "read",
      of: "tenant",
      summary: `Get the next ${TIMES} times of a schedule, with the offset of its time zone`,
      status: 200,
      answer: explained,
      handle: async ({ tenant, id }) => {
        const row = await parts.documents.store.row("schedule", tenant, id);
        if (!row) return notFound("such schedule");
        const { cron, zone, paused = false } = schedule.parse(row.value);
        return json(200, { zone, paused, times: timesOf(cron, zone, now()) });
      },
    }),
  ];
}

function timesOf(cron: string, zone: string, now: Date): string[] {
  const found = new CronTimes(cron, zone);
  const times: string[] = [];
  for (let next = found.next(now); next && times.length < TIMES; next = found.next(next))
    times.push(inZone(next, zone));
  return times;
}
