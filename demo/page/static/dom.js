// Small things that several parts of the page need.

export const $ = (id) => document.getElementById(id);
export const data = (id) => JSON.parse($(id).textContent);
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** An element with properties and children. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Changes a text only when it differs, so that screen readers and layout are left in peace. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function toast(text, bad = false) {
  const note = make("p", { className: bad ? "toast bad" : "toast", textContent: text });
  $("toasts").replaceChildren(note);
  setTimeout(() => note.remove(), bad ? 6000 : 2600);
}

/** A button that shows and hides something: Escape and a click elsewhere hide it. */
export function disclosure(button, shown) {
  const set = (open) => {
    shown.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  };
  button.addEventListener("click", () => set(shown.hidden));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || shown.hidden) return;
    if (shown.contains(document.activeElement)) button.focus();
    set(false);
  });
  document.addEventListener("pointerdown", (event) => {
    if (!shown.hidden && !shown.contains(event.target) && !button.contains(event.target)) set(false);
  });
  return set;
}
