import { Page } from "#ui/page.tsx";

export function Notification() {
  return <Page title="Notification">soon</Page>;
}
