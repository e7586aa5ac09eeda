/** What went wrong, told where it went wrong, with what to do about it. */
import { element } from "./dom.js";

const SUSPENDED = "suspended";

const TITLES = {
  insecure_context: "This page has no access to sound.",
  audio_unavailable: "No loudspeaker.",
  microphone_denied: "The microphone is not allowed.",
  microphone_missing: "No microphone.",
  microphone_busy: "The microphone does not open.",
  microphone_lost: "The microphone is gone.",
  microphone_silent: "Nothing is heard.",
  microphone_held: "The microphone is switched off.",
  uplink_slow: "The connection is slow.",
  not_authenticated: "The key is not accepted.",
  not_permitted: "That is not permitted.",
  invalid_request: "It cannot be spoken like that.",
  rate_limited: "Too many requests.",
  unavailable: "The server has no room just now.",
  connection_failed: "No connection.",
  connection_lost: "The connection broke.",
  refused: "Refused.",
  setup_failed: "The session did not start.",
  speech_failed: "Speech failed.",
  undecodable_audio: "The audio cannot be played.",
};

const ADVICE = {
  insecure_context: `Open it as https://, or as http://localhost on the machine that the server runs on. This
    address is ${location.protocol}//${location.host}.`,
  audio_unavailable: "Is a sound device connected, and does the system let the browser use it?",
  microphone_denied: `Open the site settings beside the address, allow the microphone, and start again. If it is
    allowed there, the system’s privacy settings may keep it from the browser.`,
  microphone_missing: "Connect one, or a headset, and start again.",
  microphone_busy: "Close other programs that use it, or choose another microphone below.",
  microphone_lost: "Connect it again, or allow it again, and start anew.",
  microphone_silent: "Look for a switch on the headset, and whether the right microphone is chosen below.",
  microphone_held: "Switch it on at the device, or in the system’s settings.",
  uplink_slow: "Is something else using the network?",
  not_authenticated: "It may have been revoked. Forget it (above), and use another one.",
  rate_limited: "Wait a little, and try again.",
  unavailable: "Try again in a few seconds.",
  connection_failed: "Does the server run, and is this machine connected?",
  connection_lost: "Try again.",
  setup_failed: "Try again in a few seconds; the server’s log says more.",
  speech_failed: "Try again, or with another voice; the server’s log says more.",
  refused: "Try PCM at 24 kHz, or another voice.",
};

/**
 * Show an error.
 *
 * @param {HTMLElement} note a `role="alert"`
 * @param {Error & {code?: string}} error
 * @param {{label: string, run: () => void}} [action] a button that may mend it
 */
export function showTrouble(note, error, action) {
  const title = TITLES[error.code] ?? "Something went wrong.";
  tell(note, title, [error.message, ADVICE[error.code]].filter(Boolean).join(" "), action);
  note.dataset.code = error.code;
}

/** Take back what was told of a trouble, if it is what is shown. */
export function hideTroubleOf(note, code) {
  if (note.dataset.code === code) hideTrouble(note);
}

/** Show that the browser holds the sound back, and the button that lets it go. */
export function showSuspended(note, resume) {
  const reason =
    "Browsers keep a page silent until somebody clicks or presses a key on it. One press of this button is enough.";
  tell(note, "The browser is holding the sound back.", reason, { label: "Turn the sound on", run: resume });
  note.dataset.code = SUSPENDED;
}

export const hideSuspended = (note) => hideTroubleOf(note, SUSPENDED);

export function hideTrouble(note) {
  delete note.dataset.code;
  note.hidden = true;
  note.replaceChildren();
}

function tell(note, title, text, action) {
  const button = action ? [element("button", { class: "secondary", type: "button", onclick: action.run }, action.label)] : [];
  note.hidden = false; // before its content: only what changes in a visible alert is read out
  note.replaceChildren(element("p", {}, element("strong", {}, title), ` ${text}`), ...button);
}
