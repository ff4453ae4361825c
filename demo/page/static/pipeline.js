// The figures of the pipeline.

import { $, disclosure, make, say } from "./dom.js";

const number = new Intl.NumberFormat("en");
const SUMMARY_EVERY_MS = 20_000;

export class Pipeline {
  constructor() {
    this.values = Object.fromEntries(
      [...document.querySelectorAll("[data-figure]")].map((figure) => [figure.dataset.figure, figure.querySelector(".value")]),
    );
    this.codes = "";
    this.told = -SUMMARY_EVERY_MS;
    disclosure($("codes-button"), $("codes"));
  }

  show(counted) {
    for (const name of ["published", "accepted", "duplicate", "rejected", "late", "erased", "in_flight", "profiles"]) {
      say(this.values[name], number.format(counted[name]));
    }
    for (const name of ["p50", "p95"]) this.values[name].replaceChildren(...seconds(counted.freshness_ms[name]));
    this.showCodes(counted.rejected_by_code);
    this.summarise(counted);
  }

  showCodes(byCode) {
    const shown = JSON.stringify(byCode);
    if (shown === this.codes) return;
    this.codes = shown;
    const rows = Object.entries(byCode).sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
    $("codes-list").replaceChildren(...(rows.length
      ? rows.map(([code, count]) => make("li", {}, code, make("b", { textContent: number.format(count) })))
      : [make("li", { textContent: "none so far" })]));
  }

  /** For screen readers, now and then: figures that change all the time would never stop talking. */
  summarise({ published, accepted, rejected, freshness_ms: { p95 } }) {
    if (performance.now() - this.told < SUMMARY_EVERY_MS) return;
    this.told = performance.now();
    const fresh = p95 === null ? "" : ` 95 percent of events reach an email within ${(p95 / 1000).toFixed(1)} seconds.`;
    say($("summary"), `${published} events published, ${accepted} accepted, ${rejected} rejected.${fresh}`);
  }
}

function seconds(ms) {
  return ms === null ? ["–"] : [(ms / 1000).toFixed(2), " ", make("small", { textContent: "s" })];
}
