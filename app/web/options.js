// A provider's own options as a small form, from their JSON Schema.

import { make } from "./dom.js";

let made = 0;

/** The schema behind a reference, and of `anything or null` the anything. */
function resolved(schema, root) {
  if (schema.$ref)
    return { ...resolved(root.$defs[schema.$ref.split("/").pop()], root), ...without(schema, "$ref") };
  if (schema.allOf?.length === 1) return { ...resolved(schema.allOf[0], root), ...without(schema, "allOf") };
  const choices = schema.anyOf?.filter((each) => each.type !== "null");
  if (choices?.length === 1)
    return { ...resolved(choices[0], root), ...without(schema, "anyOf"), optional: true };
  return schema;
}

const without = (object, name) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));

const title = (name) => name.replaceAll("_", " ").replace(/^./, (first) => first.toUpperCase());

/** A number, a choice, a switch or a text; `value` is what was chosen before. */
function control(schema, value) {
  const wished = value ?? schema.default ?? "";
  if (schema.enum) {
    const known = schema.enum.filter((each) => each !== null);
    const select = make("select");
    if (schema.optional || !("default" in schema) || known.length < schema.enum.length)
      select.append(make("option", { value: "", textContent: "Default" }));
    select.append(...known.map((each) => make("option", { value: each, textContent: each })));
    select.value = wished;
    return [
      select,
      () => (select.value === "" ? undefined : known.find((each) => String(each) === select.value)),
    ];
  }
  if (schema.type === "boolean") {
    const box = make("input", { type: "checkbox", checked: Boolean(wished) });
    box.setAttribute("role", "switch");
    return [box, () => box.checked];
  }
  if (schema.type === "number" || schema.type === "integer") {
    const field = make("input", {
      type: "number",
      inputMode: "decimal",
      value: wished,
      step: schema.type === "integer" ? 1 : "any",
      placeholder: "Default",
    });
    if ("minimum" in schema) field.min = schema.minimum;
    if ("maximum" in schema) field.max = schema.maximum;
    return [field, () => (field.value === "" ? undefined : Number(field.value))];
  }
  const field = make("input", { type: "text", value: wished, placeholder: "Default" });
  return [field, () => (field.value === "" ? undefined : field.value)];
}

function note(schema) {
  const span =
    "minimum" in schema && "maximum" in schema && schema.maximum < 1e6
      ? `${schema.minimum} to ${schema.maximum}`
      : "";
  return [schema.description, span].filter(Boolean).join("; ");
}

/** Fields for a schema, and a function that reads what differs from the defaults. */
export function optionForm(schema, values = {}, root = schema) {
  const box = make("div", { className: "fields" });
  const readers = Object.entries(schema.properties || {}).map(([name, raw]) => {
    const option = resolved(raw, root);
    if (option.properties) {
      const inner = optionForm(option, values[name], root);
      box.append(
        make(
          "fieldset",
          { className: "nested" },
          make("legend", { textContent: title(name) }),
          inner.element,
        ),
      );
      return [name, () => (Object.keys(inner.read()).length ? inner.read() : undefined)];
    }
    const [field, get] = control(option, values[name]);
    field.id = `option-${(made += 1)}`;
    const hint = make("p", { className: "fact", id: `${field.id}-note`, textContent: note(option) });
    field.setAttribute("aria-describedby", hint.id);
    box.append(
      make(
        "div",
        { className: "field" },
        make("label", { htmlFor: field.id, textContent: title(name) }),
        field,
        hint,
      ),
    );
    return [name, () => (get() === option.default ? undefined : get())];
  });
  const read = () =>
    Object.fromEntries(
      readers.map(([name, get]) => [name, get()]).filter(([, value]) => value !== undefined),
    );
  return { element: box, read };
}
