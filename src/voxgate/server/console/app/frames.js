/** The list of frames, as they come. */
import { element, onNextPicture, say } from "./dom.js";
import { plural } from "./words.js";

/** Rows that are kept; older ones go. */
const KEPT = 300;
const NEAR_END_PX = 40;

export class FrameList {
  constructor(body, scroll, count) {
    this._body = body;
    this._scroll = scroll;
    this._count = count;
    this._empty = [...body.children];
    this._new = [];
    this._total = 0;
    this._draw = onNextPicture(() => this._flush());
  }

  begin() {
    this._began = performance.now();
    this._new = [];
    this._total = 0;
    this._body.replaceChildren(...this._empty);
  }

  sent(frame) {
    this._add("sent", "sent", JSON.stringify(frame), null);
  }

  received(frame, audio) {
    const told = JSON.stringify(frame, (name, value) => (name === "audio" && value ? "…" : value));
    this._add(frame.error ? "received bad" : "received", "received", told, audio?.length ?? null);
  }

  _add(style, way, told, size) {
    const time = ((performance.now() - this._began) / 1000).toFixed(3);
    this._new.push([style, time, way, told, size]);
    if (this._new.length > KEPT) this._new.shift();
    this._total += 1;
    this._draw();
  }

  _flush() {
    if (this._new.length === 0) return;
    const { scrollTop, clientHeight, scrollHeight } = this._scroll;
    const follows = scrollTop + clientHeight >= scrollHeight - NEAR_END_PX;
    if (this._body.firstElementChild?.className === "empty") this._body.replaceChildren();
    this._body.append(...this._new.map(([style, time, way, told, size]) =>
      element(
        "tr",
        { class: style },
        element("td", {}, `${time} s`),
        element("td", {}, way === "sent" ? "→" : "←", element("span", { class: "word" }, ` ${way}`)),
        element("td", { title: told }, told),
        element("td", { class: "number" }, size === null ? "" : size.toLocaleString("en")),
      ),
    ));
    this._new = [];
    while (this._body.children.length > KEPT) this._body.firstElementChild.remove();
    const left = this._total > KEPT ? `, the last ${KEPT} shown` : "";
    say(this._count, plural(this._total, "frame", "frames") + left);
    if (follows) this._scroll.scrollTop = this._scroll.scrollHeight;
  }
}
