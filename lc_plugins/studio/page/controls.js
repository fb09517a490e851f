/** The control of one setting of a rule: from its type's hint, else from its JSON schema. */

import { button, check, choice, el } from "./html.js";
import { T } from "./text.js";

const BLACK = [1, 3, 6, 8, 10];
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const LETTERS = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const CHOICES = 4; // of more, a list is made

/** The number, 0 to 11, of a pitch class that a number or a name such as `Bb` tells. */
function pitchClass(value) {
  if (typeof value === "number") return value;
  const shift = { "#": 1, b: -1 }[value?.[1]] ?? 0;
  return (LETTERS[value?.[0]] + shift + 12) % 12;
}

/** Radio buttons or check boxes that look like one octave of a piano. */
function keyboard(id, title, type, chosen, change) {
  const keys = NAMES.map((_, number) =>
    el(
      "label",
      { class: `key ${BLACK.includes(number) ? "black" : "white"} k${number}` },
      el("input", {
        type,
        name: id,
        id: `${id}-${number}`,
        checked: chosen.includes(number),
        on: { change: () => change(number) },
      }),
      el("span", {}, T.keys[number]),
    ),
  );
  return el("fieldset", { class: "setting" }, el("legend", {}, title), el("div", { class: "keyboard" }, ...keys));
}

/** A list of texts, with buttons that add and remove. */
function texts(id, title, value, set, first) {
  const change = (list) => set(list);
  const fields = value.map((text, index) =>
    el(
      "span",
      { class: "item" },
      el("input", {
        id: `${id}-${index}`,
        type: "text",
        value: text,
        "aria-label": `${title} ${T.setting.item(index + 1)}`,
        on: { change: (event) => change(value.with(index, event.target.value.trim())) },
      }),
      button("×", () => change(value.toSpliced(index, 1)), {
        id: `${id}-${index}-remove`,
        class: "quiet",
        label: `${title}: ${T.setting.removeItem(index + 1)}`,
        disabled: value.length === 1,
      }),
    ),
  );
  const add = button("+", () => change([...value, value.at(-1) ?? first]), {
    id: `${id}-add`,
    class: "quiet",
    label: `${title}: ${T.setting.addItem}`,
  });
  return el("fieldset", { class: "setting" }, el("legend", {}, title), el("div", { class: "items" }, ...fields, add));
}

/** A range and a number field that tell the same number. */
function numbers(id, title, schema, value, set) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  const whole = schema.type === "integer";
  const step = whole ? 1 : "any";
  const field = el("input", { id, type: "number", min: low, max: high, step, value: value ?? "" });
  field.addEventListener("change", () => field.value !== "" && set(Number(field.value)));
  const parts = [field];
  if (low !== undefined && high !== undefined) {
    const slider = el("input", {
      id: `${id}-slider`,
      type: "range",
      "aria-label": title,
      min: low,
      max: high,
      step: whole ? 1 : (high - low) / 200,
      value: value ?? low,
      on: {
        input: () => (field.value = slider.value),
        change: () => set(Number(slider.value)),
      },
    });
    parts.unshift(slider);
  }
  return el("div", { class: "setting" }, el("label", { htmlFor: id }, title), el("div", { class: "pair" }, ...parts));
}

/** A few words of which one holds. */
function radios(id, title, words, value, set) {
  const labels = words.map((word, index) =>
    el(
      "label",
      {},
      el("input", {
        type: "radio",
        name: id,
        id: `${id}-${index}`,
        checked: word === value,
        on: { change: () => set(word) },
      }),
      el("span", {}, String(word)),
    ),
  );
  return el("fieldset", { class: "setting" }, el("legend", {}, title), el("div", { class: "radios" }, ...labels));
}

function checkboxes(id, title, words, value, set) {
  const boxes = words.map((word, index) =>
    check(
      String(word),
      value.includes(word),
      (on) => set(words.filter((one) => (one === word ? on : value.includes(one)))),
      {
        id: `${id}-${index}`,
      },
    ),
  );
  return el("fieldset", { class: "setting" }, el("legend", {}, title), el("div", { class: "radios" }, ...boxes));
}

function textField(id, title, value, set) {
  const field = el("input", { id, type: "text", value: value ?? "", on: { change: () => set(field.value) } });
  return el("div", { class: "setting" }, el("label", { htmlFor: id }, title), field);
}

function jsonField(id, title, value, set) {
  const field = el("input", { id, type: "text", spellcheck: "false", value: JSON.stringify(value ?? null) });
  field.addEventListener("change", () => {
    try {
      set(JSON.parse(field.value));
      field.setCustomValidity("");
    } catch (error) {
      field.setCustomValidity(error.message);
      field.reportValidity();
    }
  });
  return el("div", { class: "setting" }, el("label", { htmlFor: id }, `${title} (${T.setting.json})`), field);
}

/** What a schema allows beside null, and whether it allows null. */
function withoutNull(schema) {
  const forms = schema.anyOf ?? schema.oneOf ?? [];
  const others = forms.filter((form) => form.type !== "null");
  if (others.length === forms.length) return { schema, nullable: false };
  return {
    schema: others.length === 1 ? { ...schema, anyOf: undefined, ...others[0] } : { ...schema, anyOf: others },
    nullable: true,
  };
}

/** A value to begin with where a setting has none. */
export function firstValue(param) {
  if ("default" in param) return param.default;
  const { schema } = withoutNull(param.schema ?? {});
  const known = { "pitch-class": "C", "pitch-classes": [0], chords: ["C"] }[param.control];
  if (known !== undefined) return known;
  if (schema.examples?.length) return schema.examples[0];
  if (schema.enum) return schema.enum[0];
  if ("const" in schema) return schema.const;
  if (schema.type === "boolean") return false;
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 0;
  if (schema.type === "array") return schema.items?.enum ? [schema.items.enum[0]] : [];
  return schema.type === "string" ? "" : null;
}

/**
 * Make the control of one setting.
 *
 * @param {string} id of the control, unique on the page
 * @param {object} param what the catalogue says of it
 * @param {*} value
 * @param {(value: *) => void} set
 */
export function control(id, param, value, set) {
  const { schema, nullable } = withoutNull(param.schema ?? {});
  if (!nullable) return inner(id, param, schema, value, set);
  const isSet = value !== null && value !== undefined;
  const given = param.default ?? firstValue({ schema, control: param.control });
  const onOff = check(`${param.title}: ${T.setting.set}`, isSet, (on) => set(on ? given : null), { id: `${id}-set` });
  return el("div", { class: "setting" }, onOff, isSet ? inner(id, param, schema, value, set) : null);
}

function inner(id, param, schema, value, set) {
  const title = param.title;
  const toggled = (list, one) =>
    list.includes(one) ? list.filter((other) => other !== one) : [...list, one].sort((a, b) => a - b);
  if (param.control === "pitch-class") {
    return keyboard(id, title, "radio", [pitchClass(value)], (number) => set(NAMES[number]));
  }
  if (param.control === "pitch-classes") {
    const list = value ?? [];
    return keyboard(id, title, "checkbox", list, (number) => set(toggled(list, number)));
  }
  if (param.control === "chords") return texts(id, title, value ?? [], set, "C");
  if (schema.enum) {
    if (schema.enum.length <= CHOICES) return radios(id, title, schema.enum, value, set);
    const options = schema.enum.map((word) => [String(word), String(word).replaceAll("_", " ")]);
    const byName = new Map(schema.enum.map((word) => [String(word), word]));
    return choice(title, options, String(value), (name) => set(byName.get(name)), { id });
  }
  if (schema.type === "boolean") return check(title, Boolean(value), set, { id, role: "switch" });
  if (schema.type === "integer" || schema.type === "number") return numbers(id, title, schema, value, set);
  if (schema.type === "array" && schema.items?.enum) return checkboxes(id, title, schema.items.enum, value ?? [], set);
  if (schema.type === "array" && schema.items?.type === "string") return texts(id, title, value ?? [], set, "");
  if (schema.type === "string") return textField(id, title, value, set);
  return jsonField(id, title, value, set);
}
