import { Page } from "#ui/page.tsx";

export function Services() {
  return <Page title="Services">soon</Page>;
}
