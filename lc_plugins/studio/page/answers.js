/** The grid of answers, and what can be done with one. */

import { button, el, hidden, icon, redraw } from "./html.js";
import { T, number } from "./text.js";

/** What an output looks like: drawn by the plugin's view, a picture, or a player. */
export function picture(app, answer, label, small = false) {
  const { view } = app;
  if (view?.draw && answer.data !== undefined) {
    const words = view.notes ? T.heard(view.notes(answer.data).notes) : "";
    if (small && view.small) return view.small(answer.data, { label });
    return view.draw(answer.data, { label: T.picture(label, words) });
  }
  const address = view?.suffix ? app.address(`file/${answer.key}${view.suffix}`) : null;
  if (view?.media?.startsWith("image/"))
    return el("img", { src: address, alt: label, loading: "lazy", draggable: "false" });
  if (view?.media?.startsWith("audio/") && !small)
    return el("audio", { src: address, controls: true, "aria-label": label });
  return el("span", { class: "blank" }, label);
}

/** The table of an answer's values. */
function values(answer, name) {
  if (!answer.values?.length) return null;
  const rows = answer.values.map((one) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", title: T.labelled(one.label) }, T.labelled(one.label)),
      el("td", {}, one.value === null ? T.noValue : number(one.value)),
      el("td", { class: "soft" }, el("span", { "aria-hidden": "true" }, T.wantedShort(one.wanted)), hidden(one.wanted)),
      el(
        "td",
        { class: one.met ? "good" : "bad" },
        one.met === null || one.met === undefined ? "" : el("span", { "aria-hidden": "true" }, one.met ? "✓" : "✗"),
        one.met === null || one.met === undefined ? null : hidden(one.met ? T.isMet : T.notMet),
      ),
    ),
  );
  return el(
    "table",
    {},
    el("caption", { class: "hidden" }, name),
    el(
      "thead",
      { class: "hidden" },
      el("tr", {}, ...[T.rule, T.value, T.wantedOf, T.met].map((text) => el("th", { scope: "col" }, text))),
    ),
    el("tbody", {}, ...rows),
  );
}

/** Links that save an answer's files; one can be dragged out of the browser. */
function files(app, answer, name) {
  const known = [...app.files].sort((one, other) => one.suffix.localeCompare(other.suffix));
  return known.map(({ name: kind, suffix, media }) => {
    const file = T.fileName(name, suffix);
    const address = app.address(`file/${answer.key}${suffix}`);
    const link = el(
      "a",
      {
        href: address,
        download: file,
        class: "tool",
        draggable: "true",
        "aria-label": T.save(suffix, name),
        title: T.save(suffix, name),
        "data-act": `save-${kind}`,
      },
      icon("save"),
      el("span", { "aria-hidden": "true" }, suffix.replace(".", "")),
    );
    link.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("DownloadURL", `${media}:${file}:${new URL(address, location)}`);
      event.dataTransfer.effectAllowed = "copy";
    });
    return link;
  });
}

const isChosen = (app, what, key) => (what === "star" ? app.now.stars.includes(key) : app.now[what] === key);

/** What a button says that stars an output or chooses it for the comparison. */
const choosing = (app, what, key) => ({
  "data-choose": what,
  "data-key": key,
  "aria-pressed": String(isChosen(app, what, key)),
});

/** Show on all buttons which outputs are starred or compared. */
export function markChosen(app) {
  for (const one of document.querySelectorAll("[data-choose]")) {
    one.setAttribute("aria-pressed", String(isChosen(app, one.dataset.choose, one.dataset.key)));
  }
}

/** Everything about one answer: its picture, buttons, values. */
export function card(app, answer, name, id) {
  const playing = app.player.plays(answer.key);
  const act = (what) => ({ id: `${id}-${what}`, "data-act": what, class: "tool" });
  const slots = ["a", "b"].map((slot) =>
    button(T.slots[slot], () => app.compare(slot, answer, name), {
      ...act(slot),
      ...choosing(app, slot, answer.key),
      label: T.slot(T.slots[slot], name),
    }),
  );
  const tools = [
    app.view?.notes
      ? button(icon(playing ? "stop" : "play"), () => app.toggle(answer), {
          ...act("play"),
          "data-play": answer.key,
          "data-name": name,
          label: playing ? T.stopOf(name) : T.playOf(name),
        })
      : null,
    button("≈", () => app.moreLike(answer, name), { ...act("near"), label: T.nearOf(name) }),
    ...slots,
    el("span", { class: "files" }, ...files(app, answer, name)),
  ];
  const star = button(icon("star"), () => app.star(answer, name), {
    ...act("star"),
    ...choosing(app, "star", answer.key),
    class: "tool star",
    label: T.star(name),
  });
  return [
    el("div", { class: "view", "data-key": answer.key }, picture(app, answer, name), star),
    el("div", { class: "tools" }, ...tools),
    values(answer, name),
  ];
}

export class Answers {
  constructor(app, host) {
    Object.assign(this, { app, host, slots: [] });
    host.addEventListener("keydown", (event) => this.arrow(event));
  }

  get all() {
    return this.slots.filter((slot) => slot.old === false).map((slot) => slot.answer);
  }

  /** A new ask is out: what is shown is from before, until its place is taken. */
  begin() {
    for (const slot of this.slots) if (slot.old === false) this.age(slot, true);
  }

  age(slot, old) {
    if (slot.old === old) return;
    slot.old = old;
    slot.node.classList.toggle("old", old);
    slot.mark.textContent = old ? T.earlier : (T.by[slot.answer.by] ?? "");
  }

  /** Show an answer in its place; return the one that stood there. */
  add(answer) {
    const slot = this.slots[answer.number] ?? this.make(answer.number);
    const before = slot.answer;
    slot.answer = answer;
    slot.old = null;
    slot.node.hidden = false;
    redraw(slot.body, () => card(this.app, answer, slot.name, `answer-${answer.number}`));
    this.age(slot, false);
    return before;
  }

  make(place) {
    while (this.slots.length <= place) {
      const name = T.answer(this.slots.length + 1);
      const mark = el("span", { class: "soft" });
      const body = el("div", { class: "body" });
      const node = el("li", { class: "answer", hidden: true }, el("h3", {}, name, mark), body);
      this.slots.push({ name, node, mark, body, answer: { number: this.slots.length }, old: null });
      this.host.append(node);
    }
    return this.slots[place];
  }

  /** No more answers come: what is still from before goes. */
  done() {
    for (const slot of this.slots) {
      if (slot.old !== false) Object.assign(slot, { old: null }).node.hidden = true;
    }
  }

  clear() {
    this.host.replaceChildren();
    this.slots = [];
  }

  /** Arrow keys go from a button of one answer to the same button of its neighbour. */
  arrow(event) {
    const act = event.target.dataset?.act;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    if (!act || !step) return;
    const items = [...this.host.children].filter((item) => !item.hidden);
    const next = items[items.indexOf(event.target.closest("li")) + step];
    next?.querySelector(`[data-act="${act}"]`)?.focus();
    event.preventDefault();
  }

  get columns() {
    return getComputedStyle(this.host).gridTemplateColumns.split(" ").length;
  }
}
