import { useState } from "react";
import { tenantPath } from "#api/client.ts";
import { written, type Tenant } from "#api/documents.ts";
import { useWrite } from "#api/queries.ts";
import { useMay, useSession } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { Field } from "#ui/field.tsx";
import { Panel } from "#ui/page.tsx";
import { ProblemView } from "#ui/problem-view.tsx";
import { listOf } from "./lists.ts";

export function Origins({ of }: { of: Tenant }) {
  const { platform } = useSession();
  const may = useMay("operate") && platform;
  const [text, setText] = useState((of.origins ?? []).join("\n"));
  const write = useWrite("/v1/tenants");
  return (
    <Panel title="Sites whose pages may connect">
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          const origins = listOf(text);
          write.mutate({ method: "PUT", path: tenantPath(of.tenant), body: { ...written(of), origins } });
        }}
      >
        <Field
          label="Origins"
          hint="One a line, as a browser sends them: https://app.example.com. They add to the platform's."
        >
          {(named) => (
            <textarea
              {...named}
              rows={5}
              spellCheck={false}
              value={text}
              onChange={({ target }) => setText(target.value)}
            />
          )}
        </Field>
        {write.error && <ProblemView error={write.error} />}
        <div className="row">
          <Button type="submit" tone="primary" busy={write.isPending} disabled={!may}>
            Save origins
          </Button>
          <span role="status" className="muted">
            {write.isSuccess && "Saved. It takes effect within a few seconds."}
            {!may && "Only operators of the platform may change origins."}
          </span>
        </div>
      </form>
    </Panel>
  );
}
