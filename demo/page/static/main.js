// Puts the parts of the page together.

import { Looking, newShopper, Refused } from "./api.js";
import { $, say, toast } from "./dom.js";
import { Mail } from "./mail.js";
import { Pipeline } from "./pipeline.js";
import { idOf, Shop } from "./shop.js";

const pipeline = new Pipeline();
const mail = new Mail(followEmail);
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

function followEmail(url) {
  const id = url.origin === location.origin ? idOf(url.pathname) : null;
  if (id) shop.open(id, { action: "email_click" });
  else if (url.origin === location.origin) shop.close();
  else toast(`${url.pathname.includes("unsubscribe") ? "Unsubscribing" : "That link"} is not part of this demo`);
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
