/** The times of each turn: what the caller waited for, and how long. */
import { element } from "./dom.js";

const STAGES = ["transcript_ms", "turn_closed_ms", "first_text_ms", "first_audio_ms"];
const KEPT = 50;

export class Turns {
  constructor(body) {
    this._body = body;
    this._empty = [...body.children];
    this._count = 0;
  }

  begin() {
    this._count = 0;
    this._body.replaceChildren(...this._empty);
  }

  /** @param {Record<string, number>} latency a `turn_latency` message */
  add(latency) {
    if (this._count === 0) this._body.replaceChildren();
    this._count += 1;
    const cells = STAGES.map((stage) => element("td", { class: "number" }, shown(latency[stage])));
    const bar = element("div", { class: "stages", "aria-hidden": "true", "data-total": latency.first_audio_ms ?? 0 }, ...segments(latency));
    this._body.prepend(
      element(
        "tr",
        {},
        element("th", { scope: "row" }, String(this._count)),
        ...cells,
        element("td", { class: "wide" }, bar),
      ),
    );
    if (this._body.children.length > KEPT) this._body.lastElementChild.remove();
    const widest = Math.max(...[...this._body.querySelectorAll(".stages")].map((each) => Number(each.dataset.total)));
    for (const each of this._body.querySelectorAll(".stages")) {
      each.style.width = `${(100 * Number(each.dataset.total)) / widest}%`;
    }
    return latency.first_audio_ms;
  }
}

const shown = (ms) => (ms === undefined ? "–" : Math.round(ms).toLocaleString("en"));

function* segments(latency) {
  // The stages may overlap: the turn may be taken before the words are known. Each shows what it added.
  let reached = 0;
  for (const [at, stage] of STAGES.entries()) {
    const added = Math.max(0, (latency[stage] ?? reached) - reached);
    reached += added;
    const segment = element("span", { class: `stage-${at + 1}` });
    segment.style.setProperty("--share", added);
    yield segment;
  }
}
