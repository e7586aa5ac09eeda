/** The voices, and how to find one of thousands. */
import { element } from "./dom.js";

const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

export function languageName(tag) {
  try {
    return tag ? names.of(tag) : "";
  } catch {
    return tag; // not every vendor's tag is one
  }
}

/** @param {any[]} voices records of the voice list */
export function searchable(voices) {
  return voices.map((voice) => {
    const language = languageName(voice.language);
    const words = [voice.id, voice.label, voice.language, language, voice.gender, voice.accent, voice.provider];
    return { ...voice, languageName: language, words: words.filter(Boolean).join(" ").toLowerCase() };
  });
}

/** Find the voices that have all the words: the one of just this name, those that speak for themselves, the rest. */
export function findVoices(voices, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = voices.filter((voice) => words.every((word) => voice.words.includes(word)));
  const exact = text.toLowerCase();
  const rank = (voice) => (voice.id.toLowerCase() === exact ? 0 : voice.hosted ? 1 : 2);
  return found.sort((a, b) => rank(a) - rank(b));
}

export function showVoice(voice) {
  const gender = voice.gender === "unknown" ? "" : voice.gender;
  const where = [voice.languageName, gender, voice.hosted ? "" : "stand-in"].filter(Boolean).join(", ");
  return [
    element("span", { class: "name" }, voice.label || voice.voice_id),
    element("span", { class: "where" }, where),
    element("span", { class: "id" }, voice.id),
  ];
}

/** Say in a sentence who will speak. */
export function aboutVoice(voice) {
  if (!voice) return "Not on the list; the server may know it all the same.";
  const language = voice.languageName ? ` in ${voice.languageName}` : "";
  if (voice.hosted) return `Spoken by its own provider here${language}.`;
  return `A local voice stands in for it here${language}: its vendor is not set up.`;
}
