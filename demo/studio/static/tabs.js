// The views of the email as tabs: arrow keys go from one to the next, Home and End to the ends.

import { $ } from "/static/dom.js";

export class Tabs {
  constructor(onSelect) {
    this.onSelect = onSelect;
    this.tabs = [...document.querySelectorAll('[role="tab"]')];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.select(tab.dataset.view));
      tab.addEventListener("keydown", (event) => this.step(event, tab));
    }
    if (location.hash) this.select(location.hash.slice(1), { quietly: true });
  }

  step(event, tab) {
    const at = this.tabs.indexOf(tab), last = this.tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.select(this.tabs[to].dataset.view);
    this.tabs[to].focus();
  }

  select(view, { quietly = false } = {}) {
    if (!this.tabs.some((tab) => tab.dataset.view === view)) return;
    for (const tab of this.tabs) {
      const on = tab.dataset.view === view;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = !on;
      if (on) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    if (!quietly) this.onSelect();
  }
}
