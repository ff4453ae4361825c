// The shop: what can be looked at, put into the cart, saved and bought.

import { act } from "./api.js";
import { $, data, disclosure, make, say, toast } from "./dom.js";

const products = data("products");
const euro = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

export class Shop {
  /** `onActed` is called after each event that went out. */
  constructor(onActed) {
    this.onActed = onActed;
    this.opened = null;
    this.shown = "";
    this.closeCart = disclosure($("cart-button"), $("cart"));
    this.cardOf = (id) => document.querySelector(`#range .card[data-item="${id}"]`);
    $("shop-body").addEventListener("click", (event) => this.followCard(event));
    $("history").addEventListener("click", (event) => this.followCard(event));
    for (const chip of document.querySelectorAll(".chip")) {
      chip.addEventListener("click", () => this.choose(chip.dataset.category));
    }
    $("back").addEventListener("click", () => this.close());
    $("add").addEventListener("click", () => this.send("add_to_cart", this.opened, "Added to the cart"));
    $("save").addEventListener("click", () => this.send("add_to_wishlist", this.opened, "Saved to the wishlist"));
    $("buy").addEventListener("click", () => this.buy());
    document.querySelector(".top .product").addEventListener("click", (event) => {
      if (plain(event)) { event.preventDefault(); this.close(); }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.opened && $("shop-body").contains(document.activeElement)) this.close();
    });
    addEventListener("popstate", () => this.show(idOf(location.pathname)));
    this.remember(data("visitor"));
    const opened = data("opened");
    if (opened) this.open(opened, { push: false });
  }

  followCard(event) {
    const link = event.target.closest("a[data-item]");
    if (!link || !plain(event)) return;
    event.preventDefault();
    this.open(link.dataset.item);
  }

  /** Opens a product's page; `action` is the event that this is. */
  open(id, { action = "view", push = true } = {}) {
    if (push && idOf(location.pathname) !== id) history.pushState(null, "", `/p/${id}`);
    this.show(id);
    this.send(action, id);
  }

  close() {
    if (location.pathname !== "/") history.pushState(null, "", "/");
    const left = this.opened;
    this.show(null);
    if (left) this.cardOf(left)?.focus();
  }

  show(id) {
    const product = products[id] ?? null;
    if (this.opened === null && product) this.scrolled = $("shop-body").scrollTop;
    this.opened = product && id;
    $("range").hidden = product !== null;
    $("detail").hidden = product === null;
    document.title = product ? `${product.title}, ${$("shop-name").textContent}` : `${$("shop-name").textContent}, live with Evermail`;
    if (product === null) {
      $("shop-body").scrollTop = this.scrolled ?? 0;
      return;
    }
    const picture = $("detail-picture");
    picture.src = product.picture;
    picture.alt = product.title;
    say($("detail-category"), product.category);
    say($("also-category"), product.category);
    say($("detail-title"), product.title);
    $("detail-price").replaceChildren(...priced(product));
    this.markSaved();
    const also = Object.values(products).filter((one) => one.category === product.category && one.id !== id);
    $("also").replaceChildren(...also.map((one) => make("li", {}, this.cardOf(one.id).cloneNode(true))));
    $("shop-body").scrollTop = 0;
    $("detail-title").focus({ preventScroll: true });
    if ($("detail").getBoundingClientRect().top < 0) $("mail").parentElement.scrollIntoView({ block: "start" });
  }

  choose(category) {
    if (this.opened) this.close();
    for (const chip of document.querySelectorAll(".chip")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.category === category));
    }
    for (const section of document.querySelectorAll(".category")) {
      section.hidden = category !== "" && section.dataset.category !== category;
    }
    $("range").classList.toggle("one", category !== "");
    $("shop-body").scrollTop = 0;
  }

  async buy() {
    $("buy").disabled = true;
    await this.send("purchase", null, "Bought. The email leaves out what you have.");
    $("buy").disabled = false;
    this.closeCart(false);
    $("cart-button").focus();
  }

  async send(action, id, done = "") {
    try {
      const sent = act(action, id);
      this.onActed(sent);
      this.remember((await sent).shopper);
      if (done) toast(id ? `${products[id].title}: ${done.toLowerCase()}` : done);
    } catch (error) {
      toast(`That was not sent: ${error.message}`, true);
    }
  }

  /** Shows what the shop remembers of the visitor. */
  remember(shopper) {
    const shown = JSON.stringify(shopper);
    if (shown === this.shown) return;
    this.shown = shown;
    this.shopper = shopper;
    say($("who"), shopper.label);
    $("saved").hidden = shopper.wishlist.length === 0;
    say($("saved-count"), String(shopper.wishlist.length));
    this.markSaved();
    this.showHistory(shopper.history);
    this.showCart(shopper.cart);
  }

  markSaved() {
    const saved = this.shopper?.wishlist.includes(this.opened) ?? false;
    $("save").setAttribute("aria-pressed", String(saved));
    say($("save").querySelector("span"), saved ? "On your wishlist" : "Save to wishlist");
  }

  showHistory(ids) {
    $("history").hidden = ids.length === 0;
    $("history-empty").hidden = ids.length > 0;
    $("history").replaceChildren(...ids.map((id) => {
      const { title, picture } = products[id];
      const link = make("a", { href: `/p/${id}`, title }, make("img", { src: picture, alt: title, width: 46, height: 42 }));
      link.dataset.item = id;
      return make("li", {}, link);
    }));
  }

  showCart(lines) {
    const count = lines.reduce((sum, line) => sum + line.quantity, 0);
    const total = lines.reduce((sum, line) => sum + line.quantity * products[line.item_id].amount, 0);
    say($("cart-count"), String(count));
    $("cart-count").classList.toggle("some", count > 0);
    $("cart-empty").hidden = count > 0;
    $("cart-foot").hidden = count === 0;
    say($("cart-total"), euro.format(total));
    $("cart-lines").replaceChildren(...lines.map(({ item_id: id, quantity }) => {
      const { title, picture, price } = products[id];
      const remove = make("button", { type: "button", className: "link", textContent: "Remove" });
      remove.setAttribute("aria-label", `Remove ${title}`);
      remove.addEventListener("click", async () => {
        await this.send("remove_from_cart", id);
        $("cart-button").focus();
      });
      const name = make("p", {}, make("b", { textContent: title }), make("span", { textContent: quantity > 1 ? `${quantity} × ${price}` : price }));
      return make("li", {}, make("img", { src: picture, alt: "", width: 48, height: 43 }), name, remove);
    }));
  }
}

function priced({ price, was }) {
  if (!was) return [price];
  const before = make("s", {}, make("span", { className: "unseen", textContent: "was " }), was);
  return [price, " ", before];
}

export function idOf(path) {
  const found = /^\/p\/([^/?#]+)/.exec(path);
  return found && found[1] in products ? found[1] : null;
}

/** A click that means to stay on this page. */
export const plain = (event) => !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0;
