import type { Gap, TimelineEvent } from "#api/notifications.ts";
import { duration } from "#ui/time.tsx";
import { toneOf } from "./tones.ts";
import { layoutOf } from "./layout.ts";

/** The way of a notification through the services. The numbers are those of the list below it. */
export function Picture({ events, gaps }: { events: TimelineEvent[]; gaps: Gap[] }) {
  const { width, height, lanes, marks, gaps: spans } = layoutOf(events, gaps);
  const path = marks.map(({ x, y }, index) => (index === 0 ? `M${x} ${y}` : `H${x}V${y}`)).join("");
  return (
    <div className="picture" tabIndex={0} role="region" aria-label="Timeline, scrolls sideways">
      <svg
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={summary(events, gaps)}
      >
        <defs>
          <pattern id="unknown" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <line y2="7" className="hatch" />
          </pattern>
        </defs>
        {lanes.map(({ name, y }) => (
          <g key={name}>
            <line x1="0" x2={width} y1={y} y2={y} className="lane" />
            <rect x="0" y={y - 10} width="98" height="20" className="lane-ground" />
            <text x="4" y={y + 4} className="lane-name">
              {name}
            </text>
          </g>
        ))}
        {spans.map(({ x, y, width: wide, gap }) => (
          <g key={`${gap.service} ${gap.from}`}>
            <title>{`Unknown: ${gap.service} lost ${gap.count} events here`}</title>
            <rect x={x} y={y - 17} width={wide} height="34" rx="4" fill="url(#unknown)" className="gap" />
            <text x={x + wide / 2} y={y + 4} className="gap-name">
              {wide > 64 ? "unknown" : "?"}
            </text>
          </g>
        ))}
        <path d={path} className="way" />
        {marks.map(({ x, y, event, after }, index) => (
          <g key={index} className="mark" data-tone={toneOf(event.kind)}>
            <title>{event.sentence}</title>
            {after && (
              <text x={after.x} y="16" className="wait">
                {`+${duration(after.ms)}`}
              </text>
            )}
            <circle cx={x} cy={y} r="10.5" />
            <text x={x} y={y + 4}>
              {index + 1}
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

function summary(events: TimelineEvent[], gaps: Gap[]): string {
  const kinds = events.map(({ kind, service }) => `${kind} by the ${service}`).join(", ");
  return `${events.length} events: ${kinds}.${gaps.length > 0 ? ` ${gaps.length} gaps, in which events are unknown.` : ""}`;
}
