import { Page } from "#ui/page.tsx";

export function Client() {
  return <Page title="Client">soon</Page>;
}
