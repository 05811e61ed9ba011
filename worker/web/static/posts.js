// A post with its answer.

import { element } from "./dom.js";

/** Returns the element `name` of an answer. */
export function post(name, answer) {
  const made = element(name, { className: "post" }, told(answer), suggested(answer));
  made.dataset.id = answer.id;
  return made;
}

/** Marks a post as typed here, and returns it. */
export function yours(made) {
  if (!made.classList.contains("yours")) {
    made.classList.add("yours");
    made.querySelector(".source").prepend(element("span", { className: "badge" }, "yours"));
  }
  return made;
}

function told(answer) {
  const left = element("div", {}, text(answer));
  for (const [number, share, words] of answer.topics) {
    const named = words.length ? words.join(", ") : `number ${number}`;
    left.append(element("p", { className: "about" }, `topic ${share.toFixed(2)}  `, element("b", { dir: "auto" }, named)));
  }
  if (answer.attention.length) {
    const words = answer.attention.map(([word, weight]) => `${word} ${weight.toFixed(2)}`);
    left.append(element("p", { className: "about" }, `attention  ${words.join(" · ")}`));
  }
  const source = `${answer.id} · ${answer.source} · ${answer.model} ${answer.variant}`;
  left.append(element("p", { className: "about source" }, source));
  return left;
}

function text(answer) {
  if (answer.missing !== null) return element("p", { className: "text missing" }, `no post: ${answer.missing}`);
  const pieces = answer.pieces.map(([piece, shade]) =>
    shade ? element("mark", { "data-shade": shade }, piece) : piece);
  return element("p", { className: "text", dir: "auto" }, ...pieces);
}

function suggested(answer) {
  if (!answer.suggestions.length) {
    const reason = (answer.reason ?? "none is left").replaceAll("_", " ");
    return element("p", { className: "about" }, `no suggestions: ${reason}`);
  }
  const list = element("ol", { className: "tags" });
  list.setAttribute("aria-label", "Suggested hashtags, the best first");
  list.append(...answer.suggestions.map(row));
  return list;
}

function row({ hashtag, score, sources }) {
  const by = sources.length > 1 ? "both" : sources[0];
  const share = element("span");
  share.style.setProperty("--share", Math.min(Math.max(score, 0), 1));
  return element("li", { "data-by": by },
    element("span", { className: "tag", dir: "auto" }, `#${hashtag}`),
    element("span", { className: "score" }, score.toFixed(2)),
    element("span", { className: "by", "data-by": by }, by),
    element("span", { className: "share", "aria-hidden": "true" }, share));
}
