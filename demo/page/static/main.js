// Puts the parts of the page together.

import { Looking, newShopper, Refused, submit } from "./api.js";
import { $, say, toast } from "./dom.js";
import { Mail } from "./mail.js";
import { Pipeline } from "./pipeline.js";
import { idOf, Shop } from "./shop.js";

const pipeline = new Pipeline();
const mail = new Mail(followEmail, submitForm);
const looking = new Looking(showState, showSilence);
const shop = new Shop((sent) => {
  mail.going();
  sent.finally(() => looking.now()).catch(() => {});
});

async function showState({ shopper, email, pipeline: counted, problem }) {
  showProblem(problem && "A part of the pipeline has stopped.", problem);
  shop.remember(shopper);
  pipeline.show(counted);
  await mail.show(email);
}

function showSilence(error) {
  mail.live(false);
  showProblem(
    error instanceof Refused ? "The demo is not ready." : "The demo has ended.",
    error instanceof Refused ? error.message : "Its server does not answer. Start it again and this page goes on by itself.",
  );
}

function showProblem(title, text) {
  const [said, ...rest] = (text ?? "").split("\n");
  const first = said.charAt(0).toUpperCase() + said.slice(1).replace(/; its last output:$/, ".");
  $("problem").hidden = !title;
  say($("problem-title"), title ?? "");
  say($("problem-text"), first);
  $("problem-more").hidden = rest.length === 0;
  say($("problem-detail"), rest.join("\n"));
}

async function followEmail(url) {
  if (url.pathname === "/email/slot_click") {
    const landed = await fetch(url, { cache: "no-store" }).catch(() => null);
    const id = landed && idOf(new URL(landed.url).pathname);
    return id ? shop.open(id) : shop.close();
  }
  if (url.pathname === "/email/unsubscribe") return void open(url, "_blank", "noopener");
  const id = url.origin === location.origin ? idOf(url.pathname) : null;
  if (id) shop.open(id, { action: "email_click" });
  else if (url.origin === location.origin) shop.close();
  else toast(`${url.pathname.includes("unsubscribe") ? "Unsubscribing" : "That link"} is not part of this demo`);
}

const TAKEN = {
  wishlist: "Saved to the wishlist, from the email",
  feedback: "Not again: the email leaves it out from now on",
  unsubscribe: "Unsubscribed: the email no longer uses what is known",
};

async function submitForm(name, fields) {
  try {
    shop.remember((await submit(name, fields)).shopper);
    toast(TAKEN[name]);
    return true;
  } catch (error) {
    toast(`That was not sent: ${error.message}`, true);
    return false;
  } finally {
    looking.now();
  }
}

$("new-shopper").addEventListener("click", async () => {
  try {
    await newShopper();
    location.assign("/");
  } catch (error) {
    toast(`That did not work: ${error.message}`, true);
  }
});

new IntersectionObserver(([entry]) => $("peek").classList.toggle("away", entry.isIntersecting), { threshold: 0.1 }).observe($("mail"));
looking.now();
