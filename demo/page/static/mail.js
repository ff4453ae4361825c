// The mail client round the email: its tabs, what it says of the last click, where the products come from.

import { $, say } from "./dom.js";
import { Email } from "./email.js";
import { copy, listing } from "./source.js";

const SOURCES = {
  personal: ["Personal", "From what you looked at"],
  trending: ["Trending", "From what others look at now: there is nothing of yours to go by yet"],
  static: ["Static", "The shop's own order: nothing is known yet of what people look at"],
  none: ["Fallback", "No answer: the email shows what it was sent with"],
};

export class Mail {
  constructor(onLink, onForm) {
    this.email = new Email($("email"), onLink, onForm);
    this.answer = "";
    this.document = "";
    this.acted = false;
    const sent = $("sent");
    sent.textContent = new Date(sent.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    this.tabs = [...document.querySelectorAll('[role="tab"]')];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.select(tab));
      tab.addEventListener("keydown", (event) => this.step(event, tab));
    }
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", () => copy(this[button.dataset.copy], button));
    }
    this.pictures = 0;
    $("fallback").addEventListener("load", () => {
      $("fallback").contentDocument.addEventListener("click", (event) => {
        const link = event.target.closest?.("a[href]");
        if (!link) return;
        event.preventDefault();
        onLink(new URL(link.href));
      });
    });
  }

  step(event, tab) {
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -this.tabs.indexOf(tab), End: this.tabs.length - 1 - this.tabs.indexOf(tab) };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = this.tabs[(this.tabs.indexOf(tab) + steps[event.key] + this.tabs.length) % this.tabs.length];
    this.select(next);
    next.focus();
  }

  select(chosen) {
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      $(tab.getAttribute("aria-controls")).hidden = tab !== chosen;
    }
    if (chosen.id === "tab-document") this.showDocument();
    if (chosen.id === "tab-fallback" && !$("fallback").src) $("fallback").src = "/email/fallback";
    if (chosen.id === "tab-email") this.email.fit();
  }

  async showDocument() {
    const response = await fetch("/email/document", { cache: "no-store" }).catch(() => null);
    if (!response?.ok) return;
    const text = await response.text();
    if (text === this.document) return;
    this.document = text;
    listing($("document"), text, (line) => line.includes("<amp-list"));
  }

  /** A click has been sent and is on its way. */
  going() {
    this.acted = true;
    $("status").classList.add("going");
    say($("status"), "Your click is on its way");
  }

  async show(email) {
    const [name, meaning] = SOURCES[email.source ?? "none"];
    say($("source"), name);
    $("source").title = meaning;
    $("source").dataset.source = email.source ?? "none";
    const answer = JSON.stringify(email.answer, null, 2);
    if (answer !== this.answer) {
      this.answer = answer;
      listing($("answer"), answer, (line) => /"(source|reason)":/.test(line));
    }
    this.live(email.reached);
    if (!email.html) return this.tell(email, meaning);
    this.openAgain();
    await this.email.show(email.html, { bringIntoView: this.acted });
    this.tell(email, meaning);
  }

  /** The HTML part is opened again: its pictures are asked for anew, and change once they are there. */
  openAgain() {
    const pictures = $("fallback").contentDocument?.querySelectorAll('img[src*="/email/slot_image"]') ?? [];
    this.pictures += 1;
    for (const picture of pictures) {
      const next = new Image();
      const address = new URL(picture.src);
      address.searchParams.set("v", this.pictures);
      next.src = address.href;
      next.decode().then(() => { picture.src = next.src; }, () => {});
    }
  }

  tell({ reached, waiting, latency_s: latency }, meaning) {
    $("status").classList.toggle("going", reached && waiting);
    if (!reached) say($("status"), meaning);
    else if (waiting) say($("status"), "Your click is on its way");
    else if (latency !== null) {
      const seconds = `${latency.toFixed(latency < 1 ? 2 : 1)} s`;
      say($("status"), `Your click reached the email in ${seconds}`);
      say($("peek-text"), `In the email after ${seconds}`);
    } else say($("status"), "Click a product and watch the email.");
  }

  live(on) {
    $("live").classList.toggle("off", !on);
    say($("live-text"), on ? "Live" : "Offline");
  }
}
