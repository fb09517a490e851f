/** The page: what the user has made, what is asked of the server, and which part shows what. */

import { Answers } from "./answers.js";
import { Files } from "./files.js";
import { Frame } from "./frame.js";
import { drawComparison, drawHistory, drawStarred } from "./history.js";
import { Live, later, seldom } from "./live.js";
import { Rules } from "./rules.js";
import { Player } from "./sound.js";
import { SpecPane } from "./spec.js";
import { Moves, blank, clone, same } from "./state.js";
import { T } from "./text.js";

const SAVE = 500; // ms from a change until it is saved

/** The token and the page's id, from the address; the token then leaves the address bar. */
function address() {
  const fragment = location.hash.slice(1);
  const parts = new URLSearchParams(fragment);
  const token = parts.get("token") ?? sessionStorage.getItem("token");
  const page = parts.has("token") ? parts.get("page") : fragment || null;
  if (token) sessionStorage.setItem("token", token);
  return { token, page };
}

class App {
  constructor() {
    Object.assign(this, address());
    Object.assign(this, { rules: new Map(), view: null, files: [], near: false, kept: new Map(), moves: null, now: null });
    Object.assign(this, { asked: null, askedPart: "", yaml: null, first: null, selected: null, theme: "auto", isReady: false });
    this.frame = new Frame(this);
    if (!this.token) {
      this.frame.say(T.noToken);
      return;
    }
    this.player = new Player(() => this.now.sound);
    this.player.listen(() => this.showPlaying());
    this.rulesView = new Rules(this, this.frame.rules);
    this.answers = new Answers(this, this.frame.grid);
    this.spec = new SpecPane(this, this.frame.tabs.spec);
    this.uploads = new Files(this);
    this.ask = seldom(() => this.sendAsk());
    this.save = later(() => this.sendSave(), SAVE);
    this.commitYaml = later(() => this.commit(T.moves.yaml), 800);
    this.live = new Live({
      opening: () => ({ token: this.token, page: this.page }),
      opened: (message) => this.opened(message),
      lost: () => this.frame.say(T.lost, true),
    });
    document.addEventListener("keydown", (event) => this.key(event));
    this.follow();
  }

  // The line to the server

  opened(message) {
    if (message.kind === "catalogue") return this.catalogue(message);
    if (message.kind === "ready") this.isReady = true;
    if (message.kind === "ready") this.frame.say(T.ready);
    if (message.kind === "progress") this.frame.say(message.text);
    if (message.kind === "error") this.frame.say(T.failed(message.message, message.hint), true);
    return null;
  }

  async catalogue(message) {
    const again = this.page === message.page && this.moves !== null && this.model === message.model;
    this.page = message.page;
    history.replaceState(null, "", `#${message.page}`);
    this.isReady = message.ready;
    this.frame.say(message.ready ? T.ready : T.loading);
    Object.assign(this, { files: message.files, near: message.near, model: message.model, upload: message.upload });
    this.models = message.models;
    this.bases = message.bases;
    this.rules = new Map(message.rules.map((rule) => [rule.use, rule]));
    this.view = message.view?.script ? await import(message.view.script) : message.view;
    if (!again) this.restore(message);
    this.rulesView.drawAdd();
    this.show();
    this.askedPart = "";
    this.changed();
  }

  restore({ state, doc, model }) {
    const first = { lc: 1, model, constraints: [], sample: { count: 16, seed: 0 } };
    this.moves = state ? new Moves(state.moves, state.at) : new Moves([{ label: T.moves.start, now: blank(doc ?? first), first: null }]);
    this.kept = new Map((state?.answers ?? []).map((answer) => [answer.key, answer]));
    this.theme = state?.theme ?? "auto";
    this.now = clone(this.moves.current.now);
    this.frame.colours(this.theme);
  }

  /** What an ask depends on. */
  part(now) {
    return JSON.stringify([now.doc, now.source?.key, now.near?.key]);
  }

  /** Something changed: save it, and ask if the answers depend on it. */
  changed() {
    this.save();
    if (this.part(this.now) === this.askedPart) return;
    this.yaml = null;
    this.ask();
  }

  askYaml(text) {
    this.yaml = text;
    this.ask();
  }

  sendAsk() {
    const { doc, source, near } = this.now;
    this.askedPart = this.part(this.now);
    const own = this.yaml !== null;
    const from = source ? { from: source.key } : {};
    const request = near && !own ? { do: "near", doc, key: near.key } : { do: "ask", ...(own ? { yaml: this.yaml } : { doc }), ...from };
    this.live.forget(this.asked);
    this.asked = this.live.send(request, (message) => this.hear(message, own));
    if (this.asked === null) return;
    this.first = null;
    this.answers.begin();
    this.frame.plan(this.isReady ? T.asking : T.waiting);
  }

  /** What the server says to the newest ask. */
  hear(message, own) {
    if (message.kind === "spec") this.heardSpec(message, own);
    if (message.kind === "look") this.rulesView.show(message);
    if (message.kind === "plan" || message.kind === "progress") this.frame.plan(message.text);
    if (message.kind === "answer") this.heardAnswer(message);
    if (message.kind === "done") this.frame.done(message.text);
    if (message.kind === "done") this.answers.done();
    if (message.kind === "error") this.frame.plan(T.failed(message.message, message.hint), true);
  }

  heardSpec(message, own) {
    this.spec.show(message, own);
    if (message.problems?.length) return this.frame.plan(T.mistakes, true);
    if (!own || same(message.doc, this.now.doc)) return null;
    Object.assign(this.now, { doc: message.doc, near: null });
    this.askedPart = this.part(this.now);
    this.rulesView.draw();
    this.frame.head();
    this.commitYaml();
    return null;
  }

  heardAnswer(answer) {
    if (this.breaks(answer)) return;
    this.answers.add(answer);
    if (answer.number === 0) {
      this.first = { part: this.askedPart, answer: { key: answer.key, data: answer.data } };
      this.stamp();
    }
    if (this.answers.all.length === 1) this.frame.drawSound();
  }

  /** Whether an answer does not meet a condition: such a one is never shown. */
  breaks({ values }) {
    const conditions = this.now.doc.constraints ?? [];
    const preferred = new Set((this.rulesView.look?.entries ?? []).filter((_, index) => conditions[index]?.require === false).map((one) => one.label));
    return values.some((one) => one.met === false && !preferred.has(one.label) && one.condition !== false);
  }

  /** Give the current move the picture of its first answer. */
  stamp() {
    const { current } = this.moves;
    if (!this.first || current.first || this.part(current.now) !== this.first.part) return;
    current.first = this.first.answer;
    drawHistory(this, this.frame.tabs.history);
    this.save();
  }

  sendSave() {
    const keys = new Set(this.moves.list.flatMap(({ now }) => [...now.stars, now.a, now.b, now.near?.key]));
    const answers = [...this.kept.values()].filter((answer) => keys.has(answer.key));
    this.live.send({ do: "save", state: { ...this.moves.kept(answers), theme: this.theme } });
  }

  // Moves

  /** Change what is made, without a move of its own: a fader is on its way. */
  draft(act) {
    const before = this.part(this.now);
    act(this.now);
    if (this.part(this.now) !== before) this.now.near = null;
    this.changed();
  }

  /** Make a move of what has changed. */
  commit(label) {
    if (same(this.now, this.moves.current.now)) return;
    this.moves.add(label, this.now);
    this.stamp();
    this.save();
    drawHistory(this, this.frame.tabs.history);
    this.frame.head();
  }

  /** Change what is made, as one move, and show it. */
  edit(label, act) {
    this.commit(label); // a fader that is still on its way
    const doc = JSON.stringify(this.now.doc);
    act(this.now);
    if (JSON.stringify(this.now.doc) !== doc) this.now.near = null;
    this.commit(label);
    this.show();
    this.changed();
  }

  /** Change the newest move itself. */
  amend(act) {
    act(this.now);
    this.moves.current.now = clone(this.now);
    this.rulesView.draw();
    this.changed();
  }

  go(index) {
    if (!this.moves.go(index)) return;
    this.now = clone(this.moves.current.now);
    this.show();
    this.changed();
  }

  /** Show everything anew. */
  show() {
    this.rulesView.draw();
    this.frame.head();
    this.frame.drawSound();
    this.showKept();
    drawHistory(this, this.frame.tabs.history);
  }

  showKept() {
    this.answers.refresh();
    drawStarred(this, this.frame.tabs.starred);
    drawComparison(this, this.frame.comparison);
  }

  // Answers

  keep(answer, name) {
    if (this.kept.has(answer.key)) return;
    const taken = [...this.kept.values()].filter((one) => one.name.startsWith(name)).length;
    const { key, data, values, by } = answer;
    this.kept.set(key, { key, data, values, by, name: taken ? T.again(name, taken + 1) : name });
  }

  star(answer, name) {
    const on = !this.now.stars.includes(answer.key);
    this.keep(answer, name);
    this.live.send({ do: "star", key: answer.key, on });
    this.edit(T.moves.starred(name, on), (now) => {
      now.stars = on ? [...now.stars, answer.key] : now.stars.filter((key) => key !== answer.key);
    });
  }

  compare(slot, answer, name) {
    this.keep(answer, name);
    const on = this.now[slot] !== answer.key;
    this.edit(T.moves.compare(T.slots[slot], name), (now) => (now[slot] = on ? answer.key : null));
  }

  endCompare() {
    this.edit(T.moves.endCompare, (now) => Object.assign(now, { a: null, b: null }));
  }

  moreLike(answer, name) {
    this.keep(answer, name);
    this.edit(T.moves.near(name), (now) => (now.near = { key: answer.key, name }));
  }

  changeTheme(theme) {
    this.theme = theme;
    this.frame.colours(theme);
    this.save();
  }

  /** Another model has other rules: the server says which. */
  changeModel(name) {
    this.edit(T.moves.model(name), (now) => {
      now.doc = { lc: 1, model: name, constraints: [], sample: now.doc.sample };
      Object.assign(now, { source: null, near: null, a: null, b: null });
    });
  }

  run() {
    this.spec.told({ kind: "progress", text: T.running });
    this.live.send({ do: "run", doc: this.now.doc }, (message) => this.spec.told(message));
  }

  // Sound

  get playable() {
    return Boolean(this.view?.notes) && this.answers.all.length > 0;
  }

  score(answer) {
    const { beats, bar, notes } = this.view.notes(answer.data);
    return { beats, bar, notes, chords: this.view.chords?.(this.now.doc) ?? [] };
  }

  /** Play an answer, or stop it; without one, the answer that was played last. */
  toggle(answer = null) {
    const chosen = answer ?? this.selected ?? this.answers.all[0];
    const plays = answer ? this.player.plays(answer.key) : this.player.playing;
    if (plays) return this.player.stop();
    if (!chosen || !this.view?.notes) return null;
    const beat = this.player.beat; // one that plays goes over to the other at the same place
    this.selected = chosen;
    return this.player.play(chosen.key, this.score(chosen), beat === null ? 0 : beat);
  }

  showPlaying() {
    this.frame.drawSound();
    this.showKept();
  }

  /** Move the line that shows what is heard. */
  follow() {
    const beat = this.player.beat;
    for (const line of document.querySelectorAll(".now")) {
      if (beat === null || !this.player.plays(line.parentElement.dataset.key)) line.remove();
    }
    if (beat !== null) {
      const { key, score } = this.player.playing;
      const shown = matchMedia("(prefers-reduced-motion: reduce)").matches ? Math.floor(beat) : beat;
      for (const view of document.querySelectorAll(`.view[data-key="${key}"]`)) {
        const line = view.querySelector(".now") ?? view.appendChild(Object.assign(document.createElement("div"), { className: "now" }));
        line.style.left = `${(100 * shown) / score.beats}%`;
      }
    }
    requestAnimationFrame(() => this.follow());
  }

  // Keys and addresses

  key(event) {
    const text = event.target.closest?.("textarea");
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !text) {
      const name = event.key.toLowerCase();
      const step = name === "z" ? (event.shiftKey ? 1 : -1) : name === "y" ? 1 : 0;
      if (step) event.preventDefault();
      if (step) this.go(this.moves.at + step);
      return;
    }
    const takesSpace = "a, button, select, summary, textarea, [type=checkbox], [type=radio], [type=text], [type=search], [type=file]";
    if (event.key !== " " || event.target.closest?.(takesSpace)) return;
    event.preventDefault();
    this.toggle();
  }

  address(key, suffix) {
    return `/file/${key}${suffix}?token=${encodeURIComponent(this.token)}`;
  }

  get specAddress() {
    return `/spec.yaml?token=${encodeURIComponent(this.token)}&page=${this.page}`;
  }

  get newPage() {
    return `/#token=${encodeURIComponent(this.token)}`;
  }

  get zipAddress() {
    return `/starred.zip?token=${encodeURIComponent(this.token)}&page=${this.page}`;
  }
}

new App();
