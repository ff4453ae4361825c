// The readable source of a document, line by line, with a little colour.

import { make } from "./dom.js";

const PIECES = /(\{\{[^}]*\}\}\}?|<\/?[a-zA-Z!][\w-]*|\/?>)/;

/** Fills a `pre` with numbered lines; those that `marked` says yes to stand out. */
export function listing(pre, text, marked = () => false) {
  pre.replaceChildren(...text.trimEnd().split("\n").map((line, at) => {
    const row = make("span", { className: marked(line) ? "line marked" : "line" });
    row.dataset.n = at + 1;
    row.append(...line.split(PIECES).filter(Boolean).map((piece) => {
      if (piece.startsWith("{{")) return make("span", { className: "mustache", textContent: piece });
      if (PIECES.test(piece)) return make("span", { className: "tag", textContent: piece });
      return piece;
    }));
    return row;
  }));
}

export async function copy(text, button) {
  const label = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Not allowed";
  }
  setTimeout(() => { label.textContent = "Copy"; }, 1800);
}
