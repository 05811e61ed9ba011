// The box to type a post in: it travels to a worker and back.

import { byId, element } from "./dom.js";
import { post, yours } from "./posts.js";

/** Sends what is typed, and shows its answer above the stream and in it. */
export function typing(stream) {
  const form = byId("form"), text = byId("text"), button = byId("send"), outcome = byId("outcome");
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(button);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    form.ariaBusy = "true";
    button.disabled = true;
    button.textContent = "Waiting for a worker …";
    outcome.replaceChildren(...await answered(text.value, stream));
    form.ariaBusy = "false";
    button.disabled = false;
    button.textContent = "Suggest hashtags";
  });
}

async function answered(text, stream) {
  const begun = performance.now();
  try {
    const response = await fetch("posts", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
    });
    const told = await response.json();
    if (!response.ok) return [wrong(told.error)];
    stream.own(told);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    return [element("p", { className: "said" }, `Answered after ${seconds} s.`), yours(post("div", told))];
  } catch {
    return [wrong("This page's server does not answer, so the post may not have been sent.")];
  }
}

const wrong = (reason) => element("p", { className: "said", "data-is": "wrong" }, reason);
