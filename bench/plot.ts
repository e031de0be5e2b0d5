/** Panels one above the other, over the same time, as an SVG that can be read on a light and on a dark page. */

export interface PlotPanel {
  readonly title: string;
  /** In order of time. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
  /** A bound, as a dashed line with its name. */
  readonly bound: { readonly name: string; readonly value: number } | null;
  /** A value holds until the next one; else points are joined by straight lines. */
  readonly isStep: boolean;
}

const [width, panelHeight, left, right, top, gap] = [760, 130, 56, 16, 8, 44] as const;
const ink = "#7d8590";
const line = "#2f81f7";
const boundInk = "#d1604d";

export function plotSvg(panels: readonly PlotPanel[], seconds: number): string {
  const height = panels.length * (panelHeight + gap) + 28;
  const x = (at: number): number => left + ((width - left - right) * at) / seconds;
  const bodies = panels.map((panel, index) =>
    panelSvg(panel, { y0: top + gap / 2 + index * (panelHeight + gap), seconds, x }),
  );
  const minutes = Array.from({ length: Math.floor(seconds / 120) + 1 }, (_, at) => 2 * at);
  const labels = minutes.map((minute) => text(x(minute * 60), height - 12, "middle", String(minute)));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    ...bodies,
    ...labels,
    text(width - right, height, "end", "minutes"),
    "</svg>",
    "",
  ].join("\n");
}

interface Frame {
  readonly y0: number;
  readonly seconds: number;
  readonly x: (seconds: number) => number;
}

function panelSvg({ title, points, bound, isStep }: PlotPanel, { y0, seconds, x }: Frame): string {
  const most = 1.1 * Math.max(bound?.value ?? 0, ...points.map(([, value]) => value));
  const y = (value: number): number => y0 + panelHeight * (1 - value / most);
  const base = y(0);
  const path = points.map(([at, value], index) => {
    if (index === 0) return `M${round(x(at))} ${round(y(value))}`;
    return isStep ? `H${round(x(at))}V${round(y(value))}` : `L${round(x(at))} ${round(y(value))}`;
  });
  return [
    text(left, y0 - 6, "start", title),
    `<path d="M${left} ${y0}V${base}H${round(x(seconds))}" fill="none" stroke="${ink}"/>`,
    ...ticks(most).map((value) => text(left - 6, y(value) + 4, "end", String(value))),
    ...(bound === null
      ? []
      : [
          `<path d="M${left} ${round(y(bound.value))}H${round(x(seconds))}" stroke="${boundInk}" stroke-dasharray="5 4"/>`,
          text(x(seconds), y(bound.value) - 4, "end", bound.name),
        ]),
    `<path d="${path.join("")}" fill="none" stroke="${line}" stroke-width="1.5"/>`,
  ].join("\n");
}

/** Three or four round values. */
function ticks(most: number): readonly number[] {
  const rough = most / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? most;
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, at) => Number((at * step).toPrecision(6)));
}

function text(x: number, y: number, anchor: "start" | "middle" | "end", words: string): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${ink}">${words}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
