const PATHS = {
  overview: "M2.5 13.5v-4m4 4v-8m4 8v-6m3 6V2.5",
  health: "M1.5 8.5h3l2-5 3 9 2-4h3",
  tenants: "M2.5 13.5v-10l5-2v12m0-8 6 2v6m-12 0h13",
  audit: "M4 1.5h6l3 3v10H4zm2.5 6h4m-4 3h4",
  notification: "M4 11.5V7a4 4 0 0 1 8 0v4.5m-10 0h12m-7.5 2.5h3",
  client: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.5 6c.6-2.8 2.7-4 5.5-4s4.9 1.2 5.5 4",
  try: "m2.5 8 11-5.5-4 11-2-4.5z",
  dead: "M8 2 14.5 13.5h-13zm0 4.5v3.5m0 1.5v.5",
  refused: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM3.8 12.2l8.4-8.4",
  queue: "M2 4.5h12m-12 3.5h12m-12 3.5h8",
  group:
    "M5.5 7a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4Zm5.5 1a1.8 1.8 0 1 0 0-3.6M1.5 13c.4-2.6 2-3.7 4-3.7s3.6 1.1 4 3.7m1.5-3c1.9 0 3 1 3.4 3",
  exchange: "M2 5h9l-2.5-2.5m5.5 8.5h-9l2.5 2.5",
  schedule: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Zm0-9.5v3.5l2.5 1.5",
  settings: "M10 6a3.5 3.5 0 1 1-3 3l-5 5m1.5-1.5 1.5 1.5M10.5 5.5h.5",
  menu: "M2 4h12M2 8h12M2 12h12",
  out: "M6 2.5h-3.5v11h3.5m3-8.5 3 3-3 3m3-3h-7",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4 3.4 3.4",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.4"
        strokeLinejoin="round"
        strokeLinecap="round"
      />
    </svg>
  );
}
