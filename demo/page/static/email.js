// The opened email: keeps its frame, and changes in it only what the new answer changes.

import { still } from "./dom.js";

const SETTLE_MS = 420, PATIENCE_MS = 500;
const LIST = '[role="list"]';

export class Email {
  /** `onLink` is called with the address of a link that was clicked in the email, `onForm` with a form's purpose and fields. */
  constructor(frame, onLink, onForm) {
    this.frame = frame;
    this.onLink = onLink;
    this.onForm = onForm;
    this.untouched = true;
    this.ready = new Promise((done) => {
      const attach = () => {
        if (frame.contentDocument?.readyState !== "complete" || frame.contentDocument.URL === "about:blank") return false;
        this.attach();
        done();
        return true;
      };
      if (!attach()) frame.addEventListener("load", attach, { once: true });
    });
    addEventListener("resize", () => this.fit());
  }

  attach() {
    const page = this.frame.contentDocument;
    page.addEventListener("click", (event) => {
      const press = event.target.closest?.("[data-xhr]");
      if (press) this.submit(press.form, press.dataset.xhr);
      const link = event.target.closest?.("a[href]");
      if (!link || event.button !== 0) return;
      event.preventDefault();
      this.onLink(new URL(link.href));
    });
    for (const touch of ["wheel", "pointerdown", "keydown"]) {
      page.addEventListener(touch, () => { this.untouched = false; }, { passive: true });
    }
    this.fit();
  }

  /** As amp-form does: what there is to say appears in the form itself. */
  async submit(form, name) {
    const fields = Object.fromEntries(new this.frame.contentWindow.FormData(form));
    form.classList.remove("amp-form-submit-error");
    form.classList.add("amp-form-submitting");
    const taken = await this.onForm(name, fields);
    form.classList.remove("amp-form-submitting");
    form.classList.add(taken ? "amp-form-submit-success" : "amp-form-submit-error");
    this.fit();
  }

  /** Stacked on a phone, the email is as long as it is; beside the shop it scrolls in its frame. */
  fit() {
    const page = this.frame.contentDocument;
    if (!page?.body) return;
    const stacked = matchMedia("(max-width: 899px)").matches;
    this.frame.style.height = stacked ? `${Math.ceil(page.body.getBoundingClientRect().height)}px` : "";
  }

  /** Shows a new rendering of the email. */
  async show(html, { bringIntoView = false } = {}) {
    await this.ready;
    // With the frame's own parser: the rules of its document hold, which allow inline styles.
    const fresh = new this.frame.contentWindow.DOMParser().parseFromString(html, "text/html");
    await loaded([...fresh.querySelectorAll("img")].map((image) => image.getAttribute("src")));
    const page = this.frame.contentDocument;
    const [now, next] = [page, fresh].map((one) => [...one.querySelectorAll(LIST)]);
    if (now.length && now.length === next.length) now.forEach((list, at) => exchange(page, list, next[at]));
    else page.body.replaceChildren(...[...fresh.body.childNodes].map((node) => page.adoptNode(node)));
    this.fit();
    if (bringIntoView && this.untouched) this.bringIntoView(page.querySelector("amp-list"));
  }

  bringIntoView(list) {
    const view = this.frame.contentWindow;
    if (!list || view.innerHeight > list.getBoundingClientRect().bottom) return;
    const top = view.scrollY + list.getBoundingClientRect().top - 16;
    view.scrollTo({ top, behavior: still() ? "auto" : "smooth" });
  }
}

/** The cards of one list become those of another: the same ones move, new ones come in. */
function exchange(page, now, next) {
  const key = (card) => card.querySelector("a")?.href ?? card.textContent;
  const before = new Map([...now.children].map((card) => [key(card), { card, at: card.getBoundingClientRect() }]));
  const focused = now.contains(page.activeElement) ? page.activeElement.href : null;
  const cards = [...next.children].map((card) => {
    const known = before.get(key(card));
    if (!known) return { card: page.adoptNode(card), at: null };
    for (const part of [".name", ".price", ".reason"]) {
      const [old, fresh] = [known.card, card].map((one) => one.querySelector(part));
      if (old && fresh && old.innerHTML !== fresh.innerHTML) {
        old.replaceChildren(...[...fresh.childNodes].map((node) => page.adoptNode(node)));
        animate(old, [{ opacity: 0.1 }, { opacity: 1 }]);
      }
    }
    return known;
  });
  now.replaceChildren(...cards.map(({ card }) => card));
  if (focused) [...now.querySelectorAll("a")].find((link) => link.href === focused)?.focus({ preventScroll: true });
  for (const { card, at } of cards) {
    const to = card.getBoundingClientRect();
    if (!at) animate(card, [{ opacity: 0, transform: "translateY(10px)" }, { opacity: 1, transform: "none" }]);
    else if (at.x !== to.x || at.y !== to.y) {
      animate(card, [{ transform: `translate(${at.x - to.x}px, ${at.y - to.y}px)` }, { transform: "none" }]);
    }
  }
}

function animate(element, frames) {
  if (!still()) element.animate(frames, { duration: SETTLE_MS, easing: "cubic-bezier(.2, .7, .2, 1)" });
}

/** Waits, though not for ever, until pictures can be shown at once. */
function loaded(sources) {
  const pictures = sources.filter(Boolean).map((src) => {
    const image = new Image();
    image.src = src;
    return image.decode().catch(() => {});
  });
  return Promise.race([Promise.all(pictures), new Promise((done) => setTimeout(done, PATIENCE_MS))]);
}
