import type { Gap, TimelineEvent } from "#api/notifications.ts";

/** The lanes of the picture, in the order in which a notification passes through them. */
const SERVICES = ["receiver", "dispatcher", "director", "distributor", "courier"];

const LEFT = 118;
const STEP = 34;
const MOST_STEP = 132;
const LANE = 46;
const TOP = 34;
const RIGHT = 56;

export interface Mark {
  x: number;
  y: number;
  event: TimelineEvent;
  /** The time since the event before it, ms; where it is wide enough to be written. */
  after: { x: number; ms: number } | undefined;
}

export interface Layout {
  width: number;
  height: number;
  lanes: { name: string; y: number }[];
  marks: Mark[];
  gaps: { x: number; width: number; gap: Gap; y: number }[];
}

/** Longer waits are wider, but a day is not a thousand times a minute: the distance grows with the logarithm. */
const stepOf = (ms: number): number => Math.min(MOST_STEP, STEP + 20 * Math.log10(1 + Math.max(0, ms)));

export function layoutOf(events: TimelineEvent[], gaps: Gap[]): Layout {
  const present = new Set([...events, ...gaps].map(({ service }) => service));
  const names = [
    ...SERVICES.filter((name) => present.has(name)),
    ...[...present].filter((name) => !SERVICES.includes(name)).sort(),
  ];
  const lanes = names.map((name, index) => ({ name, y: TOP + LANE * index + LANE / 2 }));
  const yOf = (service: string): number => lanes.find(({ name }) => name === service)!.y;
  const marks: Mark[] = [];
  let x = LEFT + 24;
  let before: number | undefined;
  for (const event of events) {
    const at = Date.parse(event.at);
    const ms = before === undefined ? 0 : at - before;
    const step = before === undefined ? 0 : stepOf(ms);
    x += step;
    marks.push({ x, y: yOf(event.service), event, after: step > 66 ? { x: x - step / 2, ms } : undefined });
    before = at;
  }
  const width = x + RIGHT;
  const spans = gaps.map((gap) => {
    const [from, to] = [placeOf(Date.parse(gap.from), marks, width), placeOf(Date.parse(gap.to), marks, width)];
    return { x: from, width: Math.max(18, to - from), gap, y: yOf(gap.service) };
  });
  return { width, height: TOP + LANE * lanes.length + 8, lanes, marks, gaps: spans };
}

/** The place of a time between the events around it. */
function placeOf(at: number, marks: Mark[], width: number): number {
  let left = { x: LEFT, at: -Infinity };
  for (const mark of marks) {
    const right = { x: mark.x, at: Date.parse(mark.event.at) };
    if (at <= right.at) {
      const share = left.at === -Infinity || right.at === left.at ? 0 : (at - left.at) / (right.at - left.at);
      return left.x + (right.x - left.x) * share;
    }
    left = right;
  }
  return Math.min(width - 20, left.x + 24);
}
