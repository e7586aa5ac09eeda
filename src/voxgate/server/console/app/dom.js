/** Small helps with the page. Text always goes in as text: nothing that came from elsewhere becomes markup. */

export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 *
 * @param {string} name
 * @param {Record<string, unknown>} [properties] `class`, `data-*` and `aria-*` as attributes, the rest as properties
 * @param {...(Node | string)} children
 */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") made.className = value;
    else if (key.includes("-") || key === "role" || key === "scope") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Say something, but only when it is new: a live region repeats what is set again. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A number and its unit, the unit smaller. */
export function figure(target, number, unit = "") {
  const told = `${number}${unit}`;
  if (target.dataset.told === told) return;
  target.dataset.told = told;
  target.replaceChildren(number, ...(unit ? [element("small", {}, unit)] : []));
}

/** Call at most once for each picture that the screen shows, or once a second while the page is not seen. */
export function onNextPicture(work) {
  let waiting = false;
  const run = () => {
    waiting = false;
    work();
  };
  return () => {
    if (waiting) return;
    waiting = true;
    if (document.hidden) setTimeout(run, 1000);
    else requestAnimationFrame(run);
  };
}
