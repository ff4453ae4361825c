// The page's talk with its server.

export class Refused extends Error {}

async function answer(response) {
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error?.message ?? `the server answered ${response.status}`);
  return body;
}

async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return answer(await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** What a visitor does: `view`, `add_to_cart`, `remove_from_cart`, `add_to_wishlist`, `email_click` or `purchase`. */
export const act = (action, itemId = null) => post("/api/act", { action, item_id: itemId });

/** A form of the email: the function it is for, and its fields. */
export const submit = (name, fields) => post("/api/form", { function: name, fields });

export const newShopper = () => post("/api/new-shopper", {});

const IDLE_MS = 350, WAITING_MS = 90, AWAY_MS = 1500;

/** Looks again and again, more often while a click is on its way, and not at all while nobody can see the page. */
export class Looking {
  constructor(onState, onSilence) {
    this.onState = onState;
    this.onSilence = onSilence;
    this.version = "";
    this.timer = 0;
    this.asking = false;
    document.addEventListener("visibilitychange", () => document.hidden || this.now());
  }

  /** Looks at once; while one look is under way, right after it. */
  now() {
    this.again = true;
    if (!this.asking) this.look();
  }

  async look() {
    clearTimeout(this.timer);
    this.asking = true;
    this.again = false;
    let pause = IDLE_MS;
    try {
      const signal = AbortSignal.timeout(8000);
      const state = await answer(await fetch(`/api/live?version=${this.version}`, { signal, cache: "no-store" }));
      await this.onState(state);
      this.version = state.email.version;
      if (state.email.waiting) pause = WAITING_MS;
    } catch (error) {
      if (!(error instanceof Refused || error instanceof TypeError || error instanceof DOMException)) console.error(error);
      this.onSilence(error);
      pause = AWAY_MS;
    }
    this.asking = false;
    if (!document.hidden) this.timer = setTimeout(() => this.look(), this.again ? 0 : pause);
  }
}
