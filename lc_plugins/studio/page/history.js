/** The history of moves, the starred answers, and the comparison of two. */

import { card, picture } from "./answers.js";
import { button, el, redraw } from "./html.js";
import { modelOf } from "./state.js";
import { T } from "./text.js";

/** Draw the moves, the newest first, each with the picture of its first answer. */
export function drawHistory(app, host) {
  if (host.hidden) return;
  const { list, at } = app.moves;
  redraw(host, () => [
    el("h2", { class: "hidden" }, T.history),
    el(
      "ol",
      { class: "moves", reversed: true },
      ...list
        .map((move, index) => {
          const thumb = el(
            "span",
            { class: "thumb", "aria-hidden": "true" },
            move.first && modelOf(move.now.doc) === app.asModel ? picture(app, move.first, "", true) : "",
          );
          const current = index === at ? { "aria-current": "true" } : {};
          const cls = index > at ? "move undone" : "move";
          const go = button(thumb, () => app.go(index), { id: `move-${index}`, class: cls, ...current });
          go.append(el("span", {}, move.label));
          return el("li", {}, go);
        })
        .reverse(),
    ),
  ]);
}

/** Draw the starred answers and the link to their zip file. */
export function drawStarred(app, host) {
  const keys = `${app.asModel},${app.now.stars}`;
  if (host.hidden || host.dataset.keys === keys) return;
  host.dataset.keys = keys;
  const kept = app.keptOf(app.now.stars).filter(Boolean);
  redraw(host, () => [
    el("h2", { class: "hidden" }, T.starred),
    kept.length
      ? el(
          "p",
          {},
          el("a", { class: "action", id: "zip", href: app.address("starred.zip"), download: "starred.zip" }, T.zip),
        )
      : el("p", { class: "soft" }, T.noneStarred),
    el(
      "ul",
      { class: "starred" },
      ...kept.map((answer, index) =>
        el("li", { class: "answer" }, el("h3", {}, answer.name), ...card(app, answer, answer.name, `starred-${index}`)),
      ),
    ),
  ]);
}

/** Draw the two that are compared, or nothing. */
export function drawComparison(app, host) {
  const keys = `${app.asModel},${app.now.a},${app.now.b}`;
  if (host.dataset.keys === keys) return;
  host.dataset.keys = keys;
  const chosen = app.keptOf([app.now.a, app.now.b]);
  host.hidden = !chosen.some(Boolean);
  redraw(host, () =>
    host.hidden
      ? []
      : [
          el(
            "header",
            {},
            el("h2", {}, T.compare),
            button(T.endCompare, () => app.endCompare(), { id: "end-compare", class: "quiet" }),
          ),
          el(
            "div",
            { class: "two" },
            ...chosen.map((answer, index) => {
              const slot = ["a", "b"][index];
              if (!answer) return el("p", { class: "soft" }, T.emptySlot(T.slots[slot]));
              const name = `${T.slots[slot]}, ${answer.name}`;
              return el(
                "div",
                { class: "answer" },
                el("h3", {}, name),
                ...card(app, answer, answer.name, `slot-${slot}`),
              );
            }),
          ),
        ],
  );
}
