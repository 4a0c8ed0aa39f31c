import { use } from "react";
import { detailsOf } from "#api/problem.ts";
import { SessionContext } from "#api/session.ts";
import { Button } from "./button.tsx";

/** What is wrong, and the next step. */
export function ProblemView({ error, retry }: { error: unknown; retry?: () => void }) {
  const { title, detail, fix, errors = [], status, instance } = detailsOf(error);
  return (
    <div className="problem" role="alert">
      <p>
        <b>{title}</b>
      </p>
      <p>{detail}</p>
      {fix !== undefined && errors.length === 0 && <p>{fix}</p>}
      {errors.length > 0 && (
        <ul>
          {errors.map((one) => (
            <li key={`${one.pointer} ${one.detail}`}>
              {one.pointer !== "" && <code>{one.pointer}: </code>}
              {ended(one.detail)} Expected: {ended(one.expected)}
            </li>
          ))}
        </ul>
      )}
      {status === 403 && <Rights />}
      {instance !== undefined && (
        <p className="small muted">
          Reference: <code>{instance}</code>
        </p>
      )}
      {retry && (
        <div>
          <Button onClick={retry}>Try again</Button>
        </div>
      )}
    </div>
  );
}

const ended = (sentence: string): string => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`);

/** Why a signed-in person may not do this. */
function Rights() {
  const session = use(SessionContext);
  if (session === undefined) return null;
  const { subject, platform, tenants, scopes } = session;
  const reach = platform ? "the whole platform" : `the tenant ${tenants.join(", ")}`;
  return (
    <p>
      You are signed in as <b>{subject}</b>. You may {scopes.includes("operate") ? "read and change" : "only read"}{" "}
      {reach}. Ask an operator of the platform if you need more.
    </p>
  );
}
