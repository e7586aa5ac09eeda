/** What was said, on both sides, as it is said. */
import { element } from "./dom.js";

/** Entries that are kept; older ones go. */
const KEPT = 200;

export class Transcript {
  constructor(list, scroll, empty) {
    this._list = list;
    this._scroll = scroll;
    this._empty = empty;
  }

  begin() {
    this._list.replaceChildren();
    this._answer = null;
    this._empty.hidden = false;
  }

  /** What the caller was understood to say. */
  heard(text) {
    this._answer = null;
    this._add("caller", "You", text);
  }

  /** A sentence of the agent; those of one answer stand together. */
  said(sentence, text) {
    if (sentence > 0 && this._answer) {
      this._answer.append(` ${text.trim()}`);
      this._follow();
    } else {
      this._answer = this._add("agent", "Agent", text.trim());
    }
  }

  /** The caller spoke up. */
  interrupted() {
    this._answer?.append(element("span", { class: "cut" }, " — interrupted"));
    this._answer = null;
    this._follow();
  }

  _add(style, who, text) {
    this._empty.hidden = true;
    const said = element("p", { class: "said" }, text);
    this._list.append(element("div", { class: style }, element("p", { class: "who" }, who), said));
    while (this._list.children.length > KEPT) this._list.firstElementChild.remove();
    this._follow();
    return said;
  }

  _follow() {
    this._scroll.scrollTop = this._scroll.scrollHeight;
  }
}
