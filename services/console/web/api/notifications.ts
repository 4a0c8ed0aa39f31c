import type { Schemas } from "./schemas.ts";

export type NotificationView = Schemas["GetNotificationResult"];
export type TimelineEvent = NotificationView["events"][number];
/** Events that a service could not write: what happened then is unknown. */
export type Gap = NotificationView["gaps"][number];
export type Recent = Schemas["ListNotificationsResult"];
export type RecentEvent = Recent["items"][number];
