// How the workers do: figures, curves, lists.

import { byId, count, element, say } from "./dom.js";

const WIDTH = 200, HEIGHT = 44; // of a curve, in its own units
const POINTS = 150; // of a whole one
const NONE = "–";

/** Shows what the workers told; figures of workers that are silent fade. */
export function vitals(told) {
  const reached = told.workers.filter((one) => one.state !== "unreachable");
  const rate = told.rates.at(-1), lag = told.lags.at(-1);
  say("rate", rate === null ? NONE : count(rate));
  say("lag", lag === null ? NONE : count(lag));
  curve("rate-curve", "rate-beside", told.rates, told.seconds, "Posts a second");
  curve("lag-curve", "lag-beside", told.lags, told.seconds, "Posts waiting");
  latency(told.latency);
  quality(told);
  byId("models").replaceChildren(...serving(told));
  byId("workers").replaceChildren(...told.workers.map(worker));
  stale(!reached.length);
  return { reached: reached.length, lag };
}

/** Fades the figures, or brings them back. */
export function stale(is) {
  document.querySelector(".side").classList.toggle("stale", is);
}

function latency(spread) {
  say("latency", spread ? seconds(spread.p50) : NONE);
  say("latency-beside", spread ? `half of them faster; 99 of 100 within ${seconds(spread.p99)}` : "no post of late");
}

function quality({ hits, scored }) {
  say("quality", hits["1"] === null ? NONE : percent(hits["1"]));
  say("quality-beside", hits["1"] === null
    ? "no post with hashtags of its own to compare with"
    : `of late; ${percent(hits["5"])} in the first five; ${count(scored)} posts scored`);
}

function serving({ models, remembered }) {
  const rows = models.map(model);
  if (remembered !== null) {
    rows.push(element("li", {}, element("span", { className: "is" }, "memory"), ` ${count(remembered)} posts`));
  }
  return rows.length ? rows : [element("li", { className: "beside" }, "not known: no worker tells")];
}

function model({ role, model: digest, method, variant, device }) {
  const line = element("li", {}, element("span", { className: "is" }, role), " ", element("code", { title: digest }, digest.slice(0, 12)));
  line.append(element("span", { className: "beside" }, ` ${method} · ${variant} on ${device}`));
  return line;
}

function worker({ url, state, reason }) {
  const line = element("li", { "data-is": state }, element("code", {}, url.replace(/^https?:\/\//, "")), " ", element("span", { className: "is" }, state));
  if (reason) line.append(element("p", { className: "beside" }, reason));
  return line;
}

const percent = (share) => `${(100 * share).toFixed(0)} %`;
const seconds = (time) => (time < 1 ? `${(1000 * time).toFixed(0)} ms` : `${time.toFixed(1)} s`);

/** Draws values, the newest at the right edge; where one is not known the line breaks. */
function curve(id, beside, values, pause, name) {
  const known = values.filter((value) => value !== null);
  const most = Math.max(...known, 0);
  const step = WIDTH / (POINTS - 1);
  const left = WIDTH - (values.length - 1) * step;
  const at = (value, index) => `${(left + index * step).toFixed(1)} ${(HEIGHT - 2 - (most ? value / most : 0) * (HEIGHT - 6)).toFixed(1)}`;
  const lines = [];
  let line = [];
  values.forEach((value, index) => {
    if (value !== null) line.push(at(value, index));
    if (value === null || index === values.length - 1) {
      if (line.length) lines.push(line);
      line = [];
    }
  });
  const drawn = lines.map((points) => `M${points.join("L")}`).join("");
  const filled = lines.map((points) => `M${points[0].split(" ")[0]} ${HEIGHT}L${points.join("L")}L${points.at(-1).split(" ")[0]} ${HEIGHT}Z`).join("");
  const place = byId(id);
  place.replaceChildren(path(`M0 ${HEIGHT}H${WIDTH}`, "ground"), path(filled, "below"), path(drawn, "line"));
  const span = minutes(values.length * pause);
  const told = known.length ? `peak ${count(most)} in ${span}` : "not known: no worker tells";
  place.setAttribute("aria-label", `${name}: ${told}`);
  say(beside, told);
}

function path(d, className) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "path");
  made.setAttribute("d", d);
  made.setAttribute("class", className);
  return made;
}

const minutes = (time) => (time < 90 ? `${Math.round(time)} s` : `${Math.round(time / 60)} min`);
