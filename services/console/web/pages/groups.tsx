import { Page } from "#ui/page.tsx";

export function Groups() {
  return <Page title="Groups">soon</Page>;
}
