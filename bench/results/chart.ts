import { spread, type Figure } from "./figures.ts";

/** A bar chart of the most important figures, as a picture without dependencies. */
const WIDTH = 865;
const LABEL = 385;
const BAR = 14;
const ROW = 22;
const ROOM = 130;

/** By unit: the bars of one group have the same scale. */
const GROUPS: { title: string; fits: (figure: Figure) => boolean }[] = [
  {
    title: "CPU us for each notification, as fast as it goes",
    fits: ({ work, unit }) => work === "saturation" && unit === "CPU us each",
  },
  {
    title: "Notifications a second",
    fits: ({ name, unit }) => (unit === "/s" || unit === "rows/s") && !name.startsWith("connects"),
  },
  { title: "Connections a second", fits: ({ name, unit }) => unit === "/s" && name.startsWith("connects") },
  { title: "Latency, ms", fits: ({ work, name }) => work.startsWith("5,000/s") && name.startsWith("latency p") },
  {
    title: "Memory of an idle connection, bytes",
    fits: ({ work, name, unit }) => work.startsWith("idle") && unit === "bytes each" && !name.startsWith("Kafka"),
  },
];

export function chart(figures: readonly Figure[]): string {
  const parts: string[] = [];
  let y = 10;
  for (const { title, fits } of GROUPS) {
    const group = figures.filter(fits);
    if (group.length === 0) continue;
    y += 24;
    parts.push(`<text x="10" y="${y}" font-weight="bold">${escape(title)}</text>`);
    y += 10;
    const most = Math.max(...group.map(({ runs }) => spread(runs).max));
    for (const figure of group) {
      parts.push(row(figure, y, most));
      y += ROW;
    }
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 10}" font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="white"/>\n${parts.join("\n")}\n</svg>\n`
  );
}

/** The bar ends at the median. The line goes from the lowest to the highest run. */
function row({ work, name, runs }: Figure, y: number, most: number): string {
  const { median, min, max } = spread(runs);
  const x = (value: number): number => Math.round(LABEL + (value / most) * (WIDTH - LABEL - ROOM));
  const middle = y + BAR / 2;
  return [
    `<text x="${LABEL - 8}" y="${y + 11}" text-anchor="end">${escape(`${work}: ${name}`)}</text>`,
    `<rect x="${LABEL}" y="${y}" width="${Math.max(1, x(median) - LABEL)}" height="${BAR}" fill="#4a7ab5"/>`,
    `<line x1="${x(min)}" y1="${middle}" x2="${x(max)}" y2="${middle}" stroke="#1c2f47" stroke-width="2"/>`,
    `<text x="${x(Math.max(median, max)) + 8}" y="${y + 11}">${median.toLocaleString("en-GB")}</text>`,
  ].join("");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
