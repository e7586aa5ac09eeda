/** A text field with suggestions (source: WAI-ARIA Authoring Practices, combobox with a listbox). */
import { element } from "./dom.js";

const SHOWN = 40;

/**
 * @template Item
 * @typedef {object} Choices
 * @property {(text: string) => Item[]} find the best first
 * @property {(item: Item) => string} value what stands in the field when it is chosen
 * @property {(item: Item) => Node[]} show
 * @property {() => void} changed
 */
export class Combobox {
  /** @param {HTMLInputElement} input @param {HTMLElement} list @param {Choices<any>} choices */
  constructor(input, list, choices) {
    this._input = input;
    this._list = list;
    this._choices = choices;
    this._items = [];
    this._at = -1;
    input.addEventListener("input", () => this._open(input.value));
    input.addEventListener("focus", () => input.select()); // what is typed next is a search, not more of the name
    input.addEventListener("click", () => this._open(""));
    input.addEventListener("keydown", (event) => this._onKey(event));
    input.addEventListener("blur", () => this._close());
    input.addEventListener("change", () => choices.changed());
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    list.addEventListener("click", (event) => this._onClick(event));
  }

  get isOpen() {
    return !this._list.hidden;
  }

  _open(text) {
    const found = this._choices.find(text.trim());
    this._items = found.slice(0, SHOWN);
    this._at = -1;
    const options = this._items.map((item, at) =>
      element(
        "li",
        { role: "option", id: `${this._list.id}-${at}`, "aria-selected": "false", "data-at": at },
        ...this._choices.show(item),
      ),
    );
    const left = found.length - this._items.length;
    const more = this._items.length === 0 ? "No listed voice has these words." : `${left} more: type to narrow down.`;
    if (left > 0 || this._items.length === 0) {
      options.push(element("li", { class: "more", role: "option", "aria-disabled": "true" }, more));
    }
    this._list.replaceChildren(...options);
    this._list.hidden = false;
    this._list.scrollTop = 0;
    this._input.setAttribute("aria-expanded", "true");
    this._input.removeAttribute("aria-activedescendant");
  }

  _close() {
    this._list.hidden = true;
    this._input.setAttribute("aria-expanded", "false");
    this._input.removeAttribute("aria-activedescendant");
  }

  _choose(at) {
    this._input.value = this._choices.value(this._items[at]);
    this._close();
    this._choices.changed();
  }

  _move(to) {
    const count = this._items.length;
    if (count === 0) return;
    this._list.children[this._at]?.setAttribute("aria-selected", "false");
    this._at = (to + count) % count;
    const option = this._list.children[this._at];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this._input.setAttribute("aria-activedescendant", option.id);
  }

  _onKey(event) {
    const { key } = event;
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (!this.isOpen) this._open("");
      const from = this._at < 0 && key === "ArrowUp" ? 0 : this._at;
      this._move(from + (key === "ArrowDown" ? 1 : -1));
    } else if (this.isOpen && key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (this._at >= 0) this._choose(this._at);
      else this._close();
    } else if (this.isOpen && key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      this._close();
    }
  }

  _onClick(event) {
    const at = event.target.closest("[data-at]")?.dataset.at;
    if (at !== undefined) this._choose(Number(at));
  }
}
