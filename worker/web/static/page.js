// Brings together: what the server tells, the stream of posts, and the box to type in.

import { byId, count, say } from "./dom.js";
import { Stream } from "./stream.js";
import { typing } from "./typing.js";
import { stale, vitals } from "./vitals.js";

const SILENCE = 10000; // ms without a word of the server, which looks at the workers every 2 s
const AGAIN = 3000; // ms until a connection that was refused is tried again

const stream = new Stream();
const now = { server: false, broker: null, workers: null };
let heard = performance.now();

typing(stream);
connect();
setInterval(() => {
  if (now.server && performance.now() - heard > SILENCE) lost();
}, 1000);

function connect() {
  const source = new EventSource("events");
  const on = (name, act) => source.addEventListener(name, ({ data }) => {
    heard = performance.now();
    now.server = true;
    act(JSON.parse(data));
    show();
  });
  on("broker", (told) => { now.broker = told; });
  on("vitals", (told) => { now.workers = vitals(told); });
  on("answers", ({ answers, lost: missed }) => stream.add(answers, missed));
  on("note", (told) => stream.note(told));
  source.onerror = () => {
    lost();
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
  };
}

function lost() {
  now.server = false;
  stale(true);
  show();
}

function show() {
  const { server, broker, workers } = now;
  const [is, word, notice] = state(server, broker);
  byId("state").dataset.is = is;
  say("state", word);
  say("notice", notice);
  byId("notice").hidden = !notice;
  byId("send").disabled = is !== "live" || byId("form").ariaBusy === "true";
  if (broker) {
    say("input", broker.input);
    say("output", broker.output);
  }
  say("empty-why", why(is, broker, workers));
}

function state(server, broker) {
  if (!server) {
    return broker
      ? ["gone", "disconnected", "The connection to this page's server is lost. It is tried again; until then nothing here is new."]
      : ["waiting", "connecting", ""];
  }
  if (!broker || (!broker.reached && !broker.was_there && !broker.reason)) return ["waiting", "connecting to Kafka", ""];
  if (!broker.reached) {
    const reason = broker.reason ? ` (${broker.reason})` : "";
    return ["gone", "no broker", `Kafka at ${broker.address} does not answer${reason}. It is tried again; posts go on here when it is back.`];
  }
  return ["live", "live", ""];
}

function why(is, broker, workers) {
  if (is !== "live") return is === "gone" ? "See above." : "Waiting for the server.";
  const first = `What workers answer from now on, in the topic ${broker.output}, appears here.`;
  if (workers && !workers.reached) return `${first} No worker tells its figures: does one run?`;
  if (workers && workers.lag > 0) return `${first} ${count(workers.lag)} posts wait for their answers.`;
  return `${first} Type one above, or send posts to ${broker.input}.`;
}
