import { useEffect, useRef } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Series {
  name: string;
  /** A custom property of the theme. */
  colour: string;
  /** A dash of its own, so that lines differ without colour. */
  dash?: number[];
  values: (number | null)[];
}

const HEIGHT = 190;

/** Lines over time. `times`: seconds since 1970. */
export default function Plot({
  label,
  times,
  series,
  format,
}: {
  label: string;
  times: number[];
  series: Series[];
  format: (value: number) => string;
}) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const names = series.map(({ name }) => name).join();
  useEffect(() => {
    const element = host.current!;
    // The property itself still has both themes in it.
    const colour = (name: string): string => {
      element.style.color = `var(${name})`;
      return getComputedStyle(element).color;
    };
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new UPlot(
        optionsOf(element.clientWidth, series, format, colour),
        [times, ...series.map((one) => one.values)],
        element,
      );
    };
    draw();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    // The canvas has the colours of the theme in which it was drawn.
    const themed = new MutationObserver(draw);
    themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
    };
    // The data of later renders comes by setData.
  }, [names]);
  useEffect(() => plot.current?.setData([times, ...series.map((one) => one.values)]), [times, series]);
  return (
    <figure className="plot">
      <div ref={host} role="img" aria-label={`${label}: ${series.map((one) => lastOf(one, format)).join(", ")}`} />
      <figcaption className="row small muted">
        {series.map(({ name, colour, dash }) => (
          <span key={name} className="row">
            <svg width="20" height="4" aria-hidden="true">
              <line
                x2="20"
                y1="2"
                y2="2"
                strokeWidth="2"
                strokeDasharray={dash?.join(" ")}
                className={colour.slice(2)}
              />
            </svg>
            {name}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function lastOf({ name, values }: Series, format: (value: number) => string): string {
  const last = values.findLast((value) => value !== null);
  return last === undefined || last === null ? `${name} unknown` : `${name} ${format(last)}`;
}

const clock = (seconds: number): string =>
  new Date(seconds * 1_000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

function optionsOf(
  width: number,
  series: Series[],
  format: (value: number) => string,
  colour: (name: string) => string,
): UPlot.Options {
  const axis = {
    stroke: colour("--muted"),
    font: "11px system-ui",
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { show: false } },
    scales: { y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, size: 30, values: (_, times) => times.map(clock) },
      { ...axis, size: 62, values: (_, values) => values.map(format) },
    ],
    series: [
      {},
      ...series.map(({ name, colour: line, dash }) => ({
        label: name,
        stroke: colour(line),
        width: 1.6,
        ...(dash && { dash }),
        points: { show: false },
        spanGaps: false,
      })),
    ],
  };
}
