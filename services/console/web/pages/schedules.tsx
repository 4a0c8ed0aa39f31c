import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { request, tenantPath } from "#api/client.ts";
import { recipientText, written, type Schedule } from "#api/documents.ts";
import { useWrite } from "#api/queries.ts";
import { useMay } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Dialog } from "#ui/dialog.tsx";
import { Loaded } from "#ui/loaded.tsx";
import { Page } from "#ui/page.tsx";
import { Status } from "#ui/status.tsx";
import { Documents } from "./settings/documents.tsx";

const route = getRouteApi("/t/$tenant/schedules");

export function Schedules() {
  const { tenant } = route.useParams();
  const path = tenantPath(tenant, "schedules");
  const [shown, setShown] = useState<string>();
  return (
    <Page title="Schedules" lead="A schedule publishes at the times of a cron expression in a time zone.">
      <Documents<Schedule>
        kind="a schedule"
        path={path}
        lead="A dispatcher fires each schedule once, also when several run."
        start={{
          cron: "0 9 * * MON-FRI",
          zone: "Europe/Berlin",
          to: { group: "team" },
          data: { text: "Stand-up in 15 minutes" },
        }}
        hint="cron: minute, hour, day of month, month, day of week. missed: one, all or none of the times while no dispatcher ran."
        empty="Add a schedule to publish every morning, or at the end of a month."
        deleting={({ to }) => `It fires no more for ${recipientText(to)}. Publications that it has made stay.`}
        more={(schedule) => (
          <>
            <Pause path={path} of={schedule} />
            <Button onClick={() => setShown(schedule.id)}>Next times</Button>
          </>
        )}
        columns={[
          {
            title: "State",
            cell: ({ paused }) => (
              <Status tone={paused === true ? "warn" : "good"}>{paused === true ? "paused" : "runs"}</Status>
            ),
          },
          {
            title: "When",
            cell: ({ cron, zone }) => (
              <>
                <code>{cron}</code>
                <br />
                <span className="muted">{zone}</span>
              </>
            ),
          },
          { title: "To", cell: ({ to }) => recipientText(to) },
        ]}
      />
      {shown !== undefined && <Times path={path} id={shown} onClose={() => setShown(undefined)} />}
    </Page>
  );
}

function Pause({ path, of }: { path: string; of: Schedule }) {
  const may = useMay("operate");
  const write = useWrite(path);
  const { id, paused = false } = of;
  const set = (): void =>
    write.mutate({
      method: "PUT",
      path: `${path}/${encodeURIComponent(id)}`,
      body: { ...written(of), paused: !paused },
    });
  return (
    <Button disabled={!may} busy={write.isPending} onClick={set}>
      {paused ? "Resume" : "Pause"}
    </Button>
  );
}

function Times({ path, id, onClose }: { path: string; id: string; onClose: () => void }) {
  const address = `${path}/${encodeURIComponent(id)}/explain`;
  const read = useQuery({
    queryKey: [address],
    queryFn: () => request<{ zone: string; paused: boolean; times: string[] }>("POST", address),
  });
  return (
    <Dialog title={`Next times of ${id}`} onClose={onClose}>
      <Loaded of={read}>
        {({ zone, paused, times }) => (
          <>
            {paused && <Status tone="warn">paused: it does not publish</Status>}
            <ol>
              {times.map((time) => (
                <li key={time} className="mono">
                  {time}
                </li>
              ))}
            </ol>
            <p className="muted">In the time zone {zone}.</p>
          </>
        )}
      </Loaded>
      <footer>
        <Button onClick={onClose} autoFocus>
          Close
        </Button>
      </footer>
    </Dialog>
  );
}
