import { getRouteApi } from "@tanstack/react-router";
import { Page } from "#ui/page.tsx";
import { Tabs } from "#ui/tabs.tsx";
import { Letters } from "./dead-letters/letters.tsx";
import { Quarantine } from "./dead-letters/quarantine.tsx";

const route = getRouteApi("/t/$tenant/dead-letters");

/** What could not be processed, and what no worker could handle. */
export function DeadLetters() {
  const { tenant } = route.useParams();
  const { tab = "letters", after } = route.useSearch();
  const navigate = route.useNavigate();
  return (
    <Page title="Dead letters" lead="Nothing here is lost. Correct the cause first, then send it again.">
      <Tabs
        label="Kinds"
        value={tab}
        onValue={(id) => void navigate({ to: ".", search: { tab: id }, replace: true })}
        tabs={[
          { id: "letters", title: "Dead letters", content: () => <Letters after={after} /> },
          { id: "quarantine", title: "Quarantine", content: () => <Quarantine tenant={tenant} after={after} /> },
        ]}
      />
    </Page>
  );
}
