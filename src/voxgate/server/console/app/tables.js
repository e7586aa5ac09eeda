/** The tables of the view that watches. */
import { element } from "./dom.js";
import { count, durationText } from "./words.js";

/**
 * @param {HTMLElement} body
 * @param {{label: string, share: number, told: string, failed?: number, bad?: boolean}[]} rows
 * @param {string} empty said when there are none
 */
export function showBars(body, rows, empty) {
  const told = JSON.stringify(rows);
  if (body.dataset.told === told) return; // nothing new: what a screen reader is reading stays where it is
  body.dataset.told = told;
  if (rows.length === 0) {
    body.replaceChildren(element("tr", { class: "empty" }, element("td", { colSpan: 3 }, empty)));
    return;
  }
  body.replaceChildren(...rows.map(barRow));
}

function barRow({ label, share, told, failed, bad }) {
  const bar = element("span");
  bar.style.setProperty("--share", share.toFixed(4));
  const number = element("td", {}, told);
  if (failed) number.append(element("span", { class: "count-failed" }, `, ${count(failed)} failed`));
  return element(
    "tr",
    { class: bad ? "failed" : "" },
    element("th", { scope: "row" }, label),
    element("td", { class: "bar-cell", "aria-hidden": "true" }, bar),
    number,
  );
}

const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const dayOf = (seconds) => day.format(new Date(seconds * 1000));

/** @param {HTMLElement} body @param {any[]} keys */
export function showKeys(body, keys) {
  const told = JSON.stringify(keys);
  if (body.dataset.told === told) return;
  body.dataset.told = told;
  const none = "There is no stored key. (The bootstrap key is not stored.) One is made with: voxgate keys create";
  const empty = element("tr", { class: "empty" }, element("td", { colSpan: 7 }, element("span", {}, none)));
  body.replaceChildren(...(keys.length > 0 ? keys.map(keyRow) : [empty]));
}

function keyRow({ key_id: id, name, created_s: made, revoked_s: revoked, usage }) {
  const number = (text) => element("td", { class: "number" }, text);
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, name, element("span", { class: "id" }, id)),
    element("td", {}, dayOf(made)),
    element("td", { class: revoked === null ? "" : "revoked" }, revoked === null ? "good" : `revoked ${dayOf(revoked)}`),
    number(count(usage.utterances)),
    number(count(usage.failed)),
    number(count(usage.characters)),
    number(durationText(usage.audio_s)),
  );
}
