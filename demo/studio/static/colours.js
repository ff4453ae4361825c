// The brand's colours: changed here, judged by their contrast, and taken along for the brand file.

import { $, make } from "/static/dom.js";

const ENOUGH = 4.5;
const words = (name) => name.replaceAll("_", " ");

export class Colours {
  constructor(onChange) {
    this.changed = new Map();
    this.inputs = [...document.querySelectorAll('input[type="color"]')];
    for (const input of this.inputs) {
      input.addEventListener("input", () => {
        this.changed.set(input.name, input.value);
        $("reset").disabled = false;
        onChange();
      });
    }
    $("reset").addEventListener("click", () => {
      this.forget();
      onChange();
    });
    $("yaml").addEventListener("click", () => this.copy());
  }

  forget() {
    this.changed.clear();
    $("reset").disabled = true;
  }

  show({ colours, contrasts }) {
    for (const input of this.inputs) {
      const [mode, name] = input.name.split(".");
      if (input !== document.activeElement) input.value = this.changed.get(input.name) ?? colours[mode][name];
    }
    for (const [mode, pairs] of Object.entries(contrasts)) {
      $(`contrasts-${mode}`).replaceChildren(...pairs.map(({ text, on, ratio }) => {
        const low = ratio < ENOUGH;
        const told = make("b", { textContent: `${ratio.toFixed(1)} : 1` });
        return make("li", { className: low ? "low" : "", title: low ? `WCAG asks for ${ENOUGH} : 1` : "" }, `${words(text)} on ${words(on)}${low ? ", too low" : ""}`, told);
      }));
    }
    this.colours = colours;
  }

  async copy() {
    const lines = Object.entries(this.colours).flatMap(([mode, names]) => [`${mode}:`, ...Object.entries(names).map(([name, colour]) => `  ${name}: "${colour}"`)]);
    const label = $("yaml").querySelector("span");
    label.textContent = await navigator.clipboard.writeText(`${lines.join("\n")}\n`).then(() => "Copied", () => "Not allowed");
    setTimeout(() => { label.textContent = "Copy"; }, 1800);
  }
}
