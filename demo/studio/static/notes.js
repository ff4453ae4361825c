// What is said of the email: the findings of a check, and why each product is in it.

import { $, make, say } from "/static/dom.js";

const PARTS = { amp: "AMP", html: "HTML", text: "Text", subject: "Subject", brand: "Brand", message: "Message", check: "Check" };
const COUNTED = { error: ["error", "errors"], warning: ["warning", "warnings"], hint: ["hint", "hints"] };

/** `toLine` leads to a line of a part's source. */
export function showFindings(findings, toLine) {
  const counts = Object.entries(COUNTED)
    .map(([severity, [one, many]]) => [findings.filter((each) => each.severity === severity).length, one, many])
    .filter(([count]) => count)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}`);
  const worst = Object.keys(COUNTED).find((severity) => findings.some((each) => each.severity === severity)) ?? "none";
  $("verdict").dataset.worst = worst;
  say($("verdict"), counts.join(", ") || "All good");
  $("findings").replaceChildren(...(findings.length ? findings.map((one) => finding(one, toLine)) : [make("li", { className: "none", textContent: "Nothing to mend: this email can go out." })]));
}

function finding({ severity, code, part, line, what, remedy }, toLine) {
  const where = make("div", { className: "where" }, make("span", { className: "severity", textContent: severity[0].toUpperCase() + severity.slice(1) }));
  const place = line ? `${PARTS[part] ?? part}, line ${line}` : PARTS[part] ?? part;
  if (line && ["amp", "html", "text"].includes(part)) {
    const button = make("button", { type: "button", className: "to-line", textContent: place });
    button.addEventListener("click", () => toLine(part, line));
    where.append(button);
  } else where.append(place);
  const item = make("li", { className: severity, title: code }, where, make("p", {}, ...told(what)), make("p", { className: "remedy" }, ...told(remedy)));
  return item;
}

/** A sentence, with what stands in backquotes as code. */
function told(text) {
  const sentence = text.charAt(0).toUpperCase() + text.slice(1);
  return sentence.split("`").map((piece, at) => (at % 2 ? make("code", { textContent: piece }) : piece));
}

export function waitForFindings() {
  $("verdict").dataset.worst = "";
  say($("verdict"), "Checking");
}

let known = new Set();

export function showReasons({ reasons, notes }) {
  const before = known;
  known = new Set(reasons.map((one) => one.item_id));
  $("whys").replaceChildren(...(reasons.length
    ? reasons.map((one, at) => why(one, at + 1, before.size > 0 && !before.has(one.item_id)))
    : [make("li", { className: "none", textContent: "There is nothing to show: the email shows its own fallback." })]));
  $("whys-more").replaceChildren(...notes.map((note) => make("p", { textContent: note })));
}

function why({ title, price, image, why: words, code }, slot, fresh) {
  const lines = make("div", {}, make("b", { textContent: title }), make("p", { className: "why", textContent: words || price }));
  const picture = image.startsWith("/") ? image : "data:,";
  return make("li", { className: fresh ? "fresh" : "", title: code }, make("span", { className: "slot", textContent: String(slot) }), make("img", { src: picture, alt: "", width: 52, height: 47 }), lines);
}
