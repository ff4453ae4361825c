// The frames that the email stands in. A new state of it comes up behind the old one, so nothing flickers.

export class Screen {
  constructor(element) {
    this.element = element;
    this.view = element.dataset.view;
    this.shown = "";
    const wide = Number(element.dataset.width);
    if (wide) {
      element.style.setProperty("--wide", `${wide}px`);
      new ResizeObserver(([{ contentRect }]) => {
        if (contentRect.width) element.style.setProperty("--scale", String(contentRect.width / wide));
      }).observe(element);
    }
  }

  /** Whether anybody can see it: what nobody sees is not loaded. */
  get visible() { return this.element.closest("[hidden]") === null; }

  show(query, version) {
    const address = `/studio/view/${this.view}?${query}&v=${version}`;
    if (!this.visible || address === this.shown) return;
    this.shown = address;
    const old = [...this.element.querySelectorAll("iframe")];
    const frame = document.createElement("iframe");
    // Its own origin, that this page may put it back to where it was scrolled; no scripts, forms or windows.
    frame.sandbox = "allow-same-origin";
    frame.title = this.element.dataset.title;
    frame.className = "coming";
    frame.addEventListener("load", async () => {
      if (this.shown !== address) return frame.remove();
      await pictures(frame.contentDocument);
      const before = old.find((one) => one.isConnected && !one.classList.contains("coming"));
      if (before) frame.contentWindow?.scrollTo(0, before.contentWindow?.scrollY ?? 0);
      frame.classList.remove("coming");
      for (const one of old) one.remove();
    }, { once: true });
    frame.src = address;
    this.element.append(frame);
  }

  clear() {
    this.shown = "";
    this.element.replaceChildren();
  }
}

/** Waits, though not for ever, for what can be seen at once. */
function pictures(page) {
  const all = [...(page?.images ?? [])].slice(0, 8).map((image) => image.decode().catch(() => {}));
  return Promise.race([Promise.all(all), new Promise((done) => setTimeout(done, 1200))]);
}
