/** A line for each of two figures over the last minutes. */
import { say } from "./dom.js";

const KEPT_MS = 5 * 60_000;
const [WIDTH, HEIGHT, ROOM] = [300, 100, 8];
const SVG = "http://www.w3.org/2000/svg";

export class LoadChart {
  constructor(svg, max, span) {
    this._svg = svg;
    this._max = max;
    this._span = span;
    this._lines = ["streams", "sessions"].map((name) => {
      const line = document.createElementNS(SVG, "polyline");
      line.setAttribute("class", name);
      svg.append(line);
      return line;
    });
    this.begin();
  }

  begin() {
    this._points = [];
    for (const line of this._lines) line.removeAttribute("points");
  }

  add(streams, sessions) {
    const now = performance.now();
    this._points.push([now, streams, sessions]);
    while (now - this._points[0][0] > KEPT_MS) this._points.shift();
    const highest = Math.max(4, ...this._points.map(([, ...values]) => Math.max(...values)));
    for (const [at, line] of this._lines.entries()) line.setAttribute("points", this._path(now, at + 1, highest));
    const peak = Math.max(...this._points.map(([, value]) => value));
    say(this._max, String(highest));
    const label = `Speaking now ${streams}, at most ${peak}; conversations now ${sessions}, in the last five minutes`;
    this._svg.setAttribute("aria-label", label);
    say(this._span, "the last five minutes");
  }

  /** Steps, not slopes: these are counts of things. */
  _path(now, column, highest) {
    const steps = [];
    let before = null;
    for (const point of this._points) {
      const x = ((WIDTH - 1) * (1 - (now - point[0]) / KEPT_MS)).toFixed(1);
      const y = (HEIGHT - (point[column] / highest) * (HEIGHT - ROOM) - 1).toFixed(1);
      if (before !== null) steps.push(`${x},${before}`);
      steps.push(`${x},${y}`);
      before = y;
    }
    return steps.join(" ");
  }
}
