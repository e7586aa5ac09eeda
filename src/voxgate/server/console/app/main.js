/** The console: which view is shown, and with which key. */
import { Voxgate } from "../client/voxgate.js";
import { byId, say } from "./dom.js";
import { SpeakView } from "./speak.js";
import { TalkView } from "./talk.js";
import { WatchView } from "./watch.js";

const THEMES = ["automatic", "light", "dark"];
const NAMES = ["speak", "talk", "watch"];

/** The key, while there is one; it is held here and nowhere else. */
const session = {
  voxgate: null,
  onAir: (on) => document.querySelector('.views [href="#talk"]').classList.toggle("on-air", on),
};
const views = { speak: new SpeakView(session), talk: new TalkView(session), watch: new WatchView(session) };
let shown = null;

function asked() {
  const name = location.hash.slice(1);
  return NAMES.includes(name) ? name : "speak";
}

function show() {
  const name = session.voxgate ? asked() : "key";
  if (shown !== null && shown !== name) views[shown]?.hide();
  for (const each of ["key", ...NAMES]) byId(`view-${each}`).hidden = each !== name;
  for (const link of document.querySelectorAll(".views a")) {
    if (link.hash === `#${asked()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  byId("forget-key").hidden = !session.voxgate;
  const title = asked();
  document.title = `${title[0].toUpperCase()}${title.slice(1)} – voxgate`;
  const entered = shown !== null && shown !== name;
  shown = name;
  views[name]?.show();
  if (name === "key") {
    byId("key").focus();
  } else if (entered) {
    scrollTo(0, 0);
    byId(`${name}-title`).focus({ preventScroll: true });
  }
}

async function useKey(event) {
  event.preventDefault();
  const voxgate = new Voxgate({ server: new URL(".", location.href), apiKey: byId("key").value.trim() });
  const button = byId("key-use");
  say(byId("key-trouble"), "");
  button.textContent = "Asking the server…";
  try {
    const voices = await voxgate.voices();
    session.voxgate = voxgate;
    byId("key").value = "";
    veil(true);
    for (const view of Object.values(views)) view.begin(voices);
    show();
  } catch (error) {
    const unknown = error.code === "not_authenticated";
    say(byId("key-trouble"), unknown ? "The server does not know this key." : error.message);
    byId("key").focus();
  } finally {
    button.textContent = "Use this key";
  }
}

function forgetKey() {
  for (const view of Object.values(views)) view.end();
  session.voxgate = null;
  show();
}

function veil(on) {
  byId("key").classList.toggle("veiled", on);
  byId("key-show").setAttribute("aria-pressed", String(!on));
}

function tellTheme() {
  const theme = document.documentElement.dataset.theme ?? THEMES[0];
  byId("theme").setAttribute("aria-label", `Colours: ${theme}`);
  byId("theme").title = `Colours: ${theme}`;
}

function nextTheme() {
  const { dataset } = document.documentElement;
  const next = THEMES[(THEMES.indexOf(dataset.theme ?? THEMES[0]) + 1) % THEMES.length];
  if (next === THEMES[0]) delete dataset.theme;
  else dataset.theme = next;
  try {
    localStorage.setItem("voxgate-theme", next);
  } catch {
    // Storage is switched off: it holds for this page.
  }
  tellTheme();
}

async function tellVersion() {
  const answer = await fetch("version").catch(() => null);
  if (answer?.ok) say(byId("version"), `voxgate ${(await answer.json()).version}`);
}

byId("key-form").addEventListener("submit", useKey);
byId("key-show").addEventListener("click", () => veil(!byId("key").classList.contains("veiled")));
byId("forget-key").addEventListener("click", forgetKey);
byId("theme").addEventListener("click", nextTheme);
for (const field of [byId("key"), byId("admin-key")]) field.classList.add("veiled");
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // its hash would be taken for a view
  byId("main").focus();
});
tellTheme();
tellVersion();
show();
