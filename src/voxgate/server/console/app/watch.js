/** The view that watches the server. */
import { ask } from "../client/rest.js";
import { showBars, showKeys } from "./tables.js";
import { byId, figure, say } from "./dom.js";
import { LoadChart } from "./load.js";
import { hideTrouble, showTrouble } from "./trouble.js";
import { bytes, count, durationText, plural } from "./words.js";

const EVERY_MS = 2000;
/** Keys are read from the database: less often. */
const KEYS_EVERY = 5;
const RATE_WINDOW_MS = 60_000;
const OUTCOMES = { completed: "Spoken", cancelled: "Interrupted", failed: "Failed" };

export class WatchView {
  constructor(session) {
    this._session = session;
    this._chart = new LoadChart(byId("load"), byId("load-max"), byId("load-span"));
    this._past = [];
    this._adminKey = "";
    this._round = 0;
    byId("admin-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this._adminKey = byId("admin-key").value.trim();
      this._readKeys();
    });
    document.addEventListener("visibilitychange", () => this._shown && this.show());
  }

  begin() {
    this._past = [];
  }

  show() {
    this._shown = true;
    clearTimeout(this._timer);
    if (!document.hidden) this._look();
  }

  hide() {
    this._shown = false;
    clearTimeout(this._timer);
  }

  end() {
    this._forgetAdmin();
    this._past = [];
    this._chart.begin();
  }

  async _look() {
    const { voxgate } = this._session;
    clearTimeout(this._timer);
    try {
      this._paint(await voxgate.figures());
      hideTrouble(byId("watch-trouble"));
      if (this._adminKey && this._round % KEYS_EVERY === 0) await this._readKeys();
      this._round += 1;
    } catch (error) {
      if (voxgate === this._session.voxgate) showTrouble(byId("watch-trouble"), error);
    }
    clearTimeout(this._timer);
    if (this._shown && !document.hidden && voxgate === this._session.voxgate) {
      this._timer = setTimeout(() => this._look(), EVERY_MS);
    }
  }

  _paint(figures) {
    const { live, outcomes } = figures;
    this._chart.add(live.streams, live.sessions);
    figure(byId("tile-streams"), count(live.streams));
    say(byId("tile-connections"), plural(live.connections, "connection open", "connections open"));
    figure(byId("tile-sessions"), count(live.sessions));
    say(byId("tile-sessions-max"), `of ${count(live.max_sessions)} that there may be`);
    figure(byId("tile-utterances"), count(figures.utterances));
    say(byId("tile-rate"), this._recent(figures.utterances));
    this._paintFirstAudio(figures.first_audio);
    const share = figures.utterances ? (100 * figures.cached) / figures.utterances : 0;
    figure(byId("tile-cache"), count(share), "%");
    say(byId("tile-cache-size"), `${bytes(figures.cache_bytes)} held`);
    figure(byId("tile-failed"), count(outcomes.failed ?? 0));
    say(byId("tile-audio"), `${durationText(figures.audio_delivered_s)} of audio delivered`);
    const state = live.draining ? "It is about to stop." : "Refreshed every two seconds.";
    say(byId("watch-lead"), `voxgate ${figures.version}, up for ${durationText(figures.uptime_s)}. ${state}`);
    this._paintOutcomes(figures);
  }

  _paintFirstAudio({ bounds_ms: bounds, counts }) {
    const total = counts.reduce((sum, each) => sum + each, 0);
    const [median, slow] = [0.5, 0.95].map((share) => boundOf(bounds, counts, total * share));
    figure(byId("tile-median"), ...(total ? [median, "ms"] : ["–"]));
    say(byId("tile-slow"), total ? `95 of 100 in ${slow} ms` : "nothing was spoken yet");
    say(byId("first-count"), total ? plural(total, "utterance", "utterances") : "No utterances yet");
    const last = counts.findLastIndex((each) => each > 0);
    const rows = counts.slice(0, Math.max(6, last + 1)).map((number, at) => ({
      label: at < bounds.length ? `up to ${bounds[at].toLocaleString("en")} ms` : "longer",
      share: total ? number / total : 0,
      told: count(number),
    }));
    showBars(byId("first-audio"), rows, "");
  }

  _paintOutcomes({ providers, outcomes, errors, utterances }) {
    const busiest = providers[0]?.utterances ?? 1;
    const byProvider = providers.map((each) => ({
      label: each.provider,
      share: each.utterances / busiest,
      told: count(each.utterances),
      failed: each.failed,
    }));
    showBars(byId("providers"), byProvider, "Nobody has spoken since the server started.");
    const ends = Object.entries(OUTCOMES).map(([outcome, label]) => ({
      label,
      share: utterances ? (outcomes[outcome] ?? 0) / utterances : 0,
      told: count(outcomes[outcome] ?? 0),
      bad: outcome === "failed",
    }));
    const failures = Object.entries(errors).map(([code, number]) => ({
      label: `· ${code.replaceAll("_", " ")}`,
      share: number / utterances,
      told: count(number),
      bad: true,
    }));
    showBars(byId("outcomes"), utterances ? [...ends, ...failures] : [], "Nothing has ended yet.");
  }

  /** How many came while this view was open, of the last minute. */
  _recent(utterances) {
    const now = performance.now();
    this._past.push([now, utterances]);
    while (now - this._past[0][0] > RATE_WINDOW_MS) this._past.shift();
    const [since, before] = this._past[0];
    const seconds = Math.round((now - since) / 1000);
    return seconds < 1 ? "since the server started" : `${count(utterances - before)} in the last ${seconds} s`;
  }

  async _readKeys() {
    const key = this._adminKey;
    try {
      const { keys } = await ask(new URL("v1/keys", this._session.voxgate.server), { key });
      if (key !== this._adminKey) return;
      byId("admin-form").hidden = true;
      byId("admin-key").value = "";
      byId("keys-scroll").hidden = false;
      say(byId("admin-trouble"), "");
      say(byId("keys-state"), `${plural(keys.length, "key", "keys")}; usage since the server started`);
      showKeys(byId("keys"), keys);
    } catch (error) {
      if (error.status === 401 || error.status === 403) this._forgetAdmin();
      say(byId("admin-trouble"), error.message);
    }
  }

  _forgetAdmin() {
    this._adminKey = "";
    byId("admin-key").value = "";
    byId("admin-form").hidden = false;
    byId("keys-scroll").hidden = true;
    byId("keys").replaceChildren();
    say(byId("keys-state"), "");
  }
}

/** The bound of the bucket that holds the `rank`-th value. */
function boundOf(bounds, counts, rank) {
  let seen = 0;
  for (const [at, number] of counts.entries()) {
    seen += number;
    if (seen >= rank) return at < bounds.length ? `≤ ${bounds[at].toLocaleString("en")}` : `> ${bounds.at(-1).toLocaleString("en")}`;
  }
  return "–";
}
