// The studio: what is chosen on the left is shown in the middle, and judged on the right.

import { $, say } from "/static/dom.js";
import { copy, listing } from "/static/source.js";
import { Colours } from "./colours.js";
import { Screen } from "./frames.js";
import { showFindings, showReasons, waitForFindings } from "./notes.js";
import { Tabs } from "./tabs.js";

const SETTLE_MS = 180, LOOK_MS = 700, AWAY_MS = 2500;
const SOURCES = { personal: "Personal", segment: "Category", trending: "Trending", static: "Static", sample: "Sample", none: "Fallback" };
const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;

const screens = [...document.querySelectorAll(".screen")].map((element) => new Screen(element));
const setup = $("setup");
const colours = new Colours(() => change());
const tabs = new Tabs(() => showViews());
let state = { query: "", version: "", proof: null, part: "amp", source: "" };
let asked = 0, looking = 0, settling = 0;

async function ask(path, query) {
  const response = await fetch(`/studio/${path}?${query}`, { cache: "no-store" });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.error?.message ?? `the server answered ${response.status}`);
  return body;
}

function chosen() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(setup)) if (!name.includes(".")) query.set(name, value);
  for (const [name, value] of colours.changed) query.set(name, value.slice(1));
  return query;
}

/** Puts the choices of an address into the form. Those that there are not are left alone. */
function choose(query) {
  for (const [name, value] of query) {
    const field = setup.elements.namedItem(name);
    if (!field) continue;
    if (name.includes(".")) colours.changed.set(name, `#${value}`);
    else if (field instanceof RadioNodeList || [...(field.options ?? [])].some((one) => one.value === value)) field.value = value;
  }
  if (colours.changed.size) $("reset").disabled = false;
}

function change() {
  clearTimeout(settling);
  settling = setTimeout(make, SETTLE_MS);
}

async function make() {
  const turn = ++asked, query = chosen();
  clearTimeout(looking);
  history.replaceState(null, "", `/studio?${query}`);
  say($("status"), "Making the email");
  $("status").classList.add("going");
  waitForFindings();
  try {
    const proof = await ask("api/proof", query);
    if (turn !== asked) return;
    state = { ...state, query: String(query), version: "", proof, source: "" };
    $("failed").hidden = true;
    showProof(proof);
    await look();
    if (turn === asked) await judge(turn);
  } catch (error) {
    if (turn === asked) fail(error);
  }
}

function showProof(proof) {
  say($("subject"), proof.subject);
  say($("preheader"), proof.preheader);
  say($("sender"), proof.sender);
  say($("avatar"), proof.sender[0]);
  const sent = new Date(proof.sent_at);
  $("sent").dateTime = proof.sent_at;
  say($("sent"), sent.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  say($("text"), proof.text);
  $("download").href = `/studio/download?${state.query}`;
  say($("download-hint"), `${proof.file}, for ${proof.service}. ${proof.hint}`);
  $("live").hidden = !proof.live;
  colours.show(proof);
  $("status").classList.remove("going");
}

async function judge(turn) {
  const { findings } = await ask("api/findings", state.query);
  if (turn === asked) showFindings(findings, toLine);
}

/** Opens the email again, and goes on doing so while its reader is somebody who may do something. */
async function look() {
  clearTimeout(looking);
  const query = state.query;
  let pause = LOOK_MS;
  try {
    const opened = await ask("api/opened", `${query}&version=${state.version}`);
    if (query !== state.query) return;
    if (opened.version !== state.version) {
      const first = state.version === "";
      state.version = opened.version;
      showOpened(opened, first);
    }
    $("live").classList.remove("off");
    say($("live-text"), "Live");
  } catch (error) {
    if (state.version === "") throw error;
    $("live").classList.add("off");
    say($("live-text"), "Offline");
    pause = AWAY_MS;
  }
  if (state.proof.live && !document.hidden) looking = setTimeout(look, pause);
}

function showOpened(opened, first) {
  say($("source"), SOURCES[opened.source] ?? opened.source);
  $("source").dataset.source = opened.source;
  const { bytes } = state.proof;
  say($("status"), first ? `Made just now: AMP ${kilobytes(bytes.amp)}, HTML ${kilobytes(bytes.html)}` : "The reader did something: the opened email has changed");
  showReasons(opened);
  showViews();
}

function showViews() {
  if (!state.version) return;
  for (const screen of screens) screen.show(state.query, state.version);
  if (!$("panel-source").hidden) showSource();
}

async function showSource(line = 0) {
  const key = `${state.part}?${state.query}`;
  if (state.source !== key) {
    const response = await fetch(`/studio/part/${key}`, { cache: "no-store" }).catch(() => null);
    if (!response?.ok) return;
    state.source = key;
    state.code = await response.text();
    listing($("code"), state.code);
    say($("size"), `${kilobytes(state.proof.bytes[state.part])}, as ${state.proof.service} would deliver it`);
  }
  for (const button of document.querySelectorAll("[data-part]")) button.setAttribute("aria-pressed", String(button.dataset.part === state.part));
  if (!line) return;
  for (const marked of $("code").querySelectorAll(".marked")) marked.classList.remove("marked");
  const row = $("code").children[line - 1];
  row?.classList.add("marked");
  row?.scrollIntoView({ block: "center" });
  $("code").focus({ preventScroll: true });
}

async function toLine(part, line) {
  state.part = part;
  tabs.select("source", { quietly: true });
  await showSource(line);
}

function fail(error) {
  const gone = error instanceof TypeError;
  $("status").classList.remove("going");
  say($("status"), gone ? "The studio does not answer" : "This email cannot be made");
  say($("failed-text"), gone ? "Its server has ended. Start it again, then try again here." : error.message);
  $("failed").hidden = false;
  $("verdict").dataset.worst = "";
  say($("verdict"), "");
  $("findings").replaceChildren();
  $("whys").replaceChildren();
  $("whys-more").replaceChildren();
  for (const screen of screens) screen.clear();
  state.version = "";
}

setup.addEventListener("change", (event) => {
  if (event.target.type === "color") return;
  if (event.target.name === "brand") colours.forget();
  change();
});
setup.addEventListener("submit", (event) => event.preventDefault());
$("again").addEventListener("click", make);
$("copy").addEventListener("click", () => copy(state.code ?? "", $("copy")));
for (const button of document.querySelectorAll("[data-part]")) {
  button.addEventListener("click", () => {
    state.part = button.dataset.part;
    showSource();
  });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && state.version && state.proof.live) look();
});
choose(new URLSearchParams(location.search));
make();
