/** Small helpers that make elements. */

/**
 * Make an element.
 *
 * @param {string} tag
 * @param {object} [props] `on` holds listeners; true and false set or leave out an attribute; `value`, `checked`,
 *   `disabled` and `htmlFor` are properties; everything else is an attribute.
 * @param {...(Node|string|null)} children
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (["checked", "disabled", "htmlFor"].includes(key)) node[key] = value;
    else if (key !== "value") node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  if ("value" in props) node.value = props.value; // after min, max, step and options, which decide what it may be
  return node;
}

/** Make an element of SVG. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const ICONS = {
  play: "M7 4v16l13-8z",
  stop: "M6 6h12v12H6z",
  star: "M12 2.6l2.9 6.1 6.6.8-4.9 4.6 1.3 6.6L12 17.4l-5.9 3.3 1.3-6.6-4.9-4.6 6.6-.8z",
  save: "M11 3h2v9l3.5-3.5 1.4 1.4L12 16l-5.9-6.1 1.4-1.4L11 12zM4 19h16v2H4z",
  undo: "M8 4l-6 6 6 6v-4h6a4 4 0 010 8h-3v2h3a6 6 0 000-12H8z",
  redo: "M16 4l6 6-6 6v-4h-6a4 4 0 000 8h3v2h-3a6 6 0 010-12h6z",
  remove: "M5.6 4.2L12 10.6l6.4-6.4 1.4 1.4L13.4 12l6.4 6.4-1.4 1.4L12 13.4l-6.4 6.4-1.4-1.4L10.6 12 4.2 5.6z",
};

/** A small picture for a button, which the button's own name tells. */
export const icon = (name) =>
  svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" }, svg("path", { d: ICONS[name] }));

/** A button. `label` is its name where what it shows is no text. */
export function button(content, click, { label = null, ...props } = {}) {
  return el("button", { type: "button", "aria-label": label, title: label, ...props, on: { click } }, content);
}

/** A switch with its text. */
export function check(text, checked, change, props = {}) {
  const input = el("input", { type: "checkbox", checked, ...props, on: { change: () => change(input.checked) } });
  return el("label", { class: "check" }, input, el("span", {}, text));
}

/** A list to choose from with its text; `options` are pairs of value and text. */
export function choice(text, options, value, change, props = {}) {
  const select = el(
    "select",
    { ...props, value, on: { change: () => change(select.value) } },
    options.map(([key, name]) => el("option", { value: key }, name)),
  );
  return el("label", { class: "field" }, el("span", {}, text), select);
}

/** Text that only screen readers tell. */
export const hidden = (text) => el("span", { class: "hidden" }, text);

let pressed = null; // where a pointer went down that is not up yet
let waiting = new Map(); // what to draw once it is up, so that a press on a button stays a click

addEventListener("pointerdown", (event) => (pressed = event.target), true);
for (const name of ["pointerup", "pointercancel"]) {
  addEventListener(
    name,
    () => {
      pressed = null;
      setTimeout(() => {
        const hosts = waiting;
        waiting = new Map();
        for (const [host, children] of hosts) redraw(host, children);
      });
    },
    true,
  );
}

/**
 * Draw a part of the page anew; what has the focus, what is open and what is scrolled stay, by their ids.
 *
 * @param {Element} host
 * @param {() => (?Node|string)[]} children
 */
export function redraw(host, children) {
  if (pressed && host.contains(pressed)) {
    waiting.set(host, children);
    return;
  }
  waiting.delete(host);
  const focused = host.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...host.querySelectorAll("details[open]")].map((one) => one.id);
  const scrolled = [...host.querySelectorAll("ol, ul")].map((one) => one.scrollTop);
  host.replaceChildren(...children().filter((child) => child !== null && child !== undefined));
  for (const one of host.querySelectorAll("details")) one.open = open.includes(one.id);
  [...host.querySelectorAll("ol, ul")].forEach((one, index) => (one.scrollTop = scrolled[index] ?? 0));
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
