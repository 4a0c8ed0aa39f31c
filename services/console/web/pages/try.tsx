import { Page } from "#ui/page.tsx";

export function Try() {
  return <Page title="Try">soon</Page>;
}
