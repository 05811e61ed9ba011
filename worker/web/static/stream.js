// The posts as they come, the newest first; they wait while somebody reads further down.

import { byId, count, say } from "./dom.js";
import { post, yours } from "./posts.js";

const KEPT = 40;
const PLAIN = "Workers that run with --explain show here which words count.";

export class Stream {
  #list = byId("posts");
  #waiting = [];
  #missed = 0;
  #paused = false;
  #note = "";
  #yours = new Set();
  #seen = new Set();

  constructor() {
    byId("pause").addEventListener("click", () => this.#toggle());
    addEventListener("scroll", () => this.#flow(), { passive: true });
  }

  /** Adds answers, and how many more came than are shown. */
  add(answers, missed) {
    // A new connection repeats some; what names no source cannot be told apart.
    const fresh = answers.filter(({ source }) => !source || !this.#seen.has(source));
    for (const { source } of fresh) this.#seen.add(source);
    this.#seen = new Set([...this.#seen].slice(-4 * KEPT));
    this.#waiting.push(...fresh);
    const over = Math.max(this.#waiting.length - KEPT, 0);
    this.#waiting.splice(0, over);
    this.#missed += missed + over;
    this.#flow();
  }

  /** Marks a post that was typed here. */
  own(answer) {
    this.#yours.add(answer.id);
    const shown = this.#list.querySelector(`[data-id="${CSS.escape(answer.id)}"]`);
    if (shown) yours(shown);
  }

  /** Takes what is said of words that cannot be shaded. */
  note(text) {
    this.#note = text;
  }

  #toggle() {
    this.#paused = !this.#paused;
    byId("pause").setAttribute("aria-pressed", this.#paused);
    this.#flow();
  }

  #flow() {
    const reads = this.#list.getBoundingClientRect().top < 0;
    if (this.#waiting.length && !this.#paused && !reads) this.#show();
    const parts = [];
    if (this.#waiting.length) parts.push(`${count(this.#waiting.length)} ${this.#paused ? "held back" : "new above"}`);
    if (this.#missed) parts.push(`${count(this.#missed)} more than could be shown`);
    say("held", parts.join(" · "));
  }

  #show() {
    byId("empty").hidden = true;
    byId("legend").hidden = false;
    this.#explain(this.#waiting.at(-1));
    for (const answer of this.#waiting) {
      const made = post("li", answer);
      if (this.#yours.has(answer.id)) yours(made);
      made.classList.add("new");
      this.#list.prepend(made);
    }
    this.#waiting = [];
    while (this.#list.children.length > KEPT) this.#list.lastElementChild.remove();
  }

  #explain({ attention, explained }) {
    byId("shades").hidden = !attention.length;
    say("plain", attention.length ? "" : explained ? this.#note : PLAIN);
  }
}
