// Elements by hand. Whatever comes over the wire becomes text, never markup.

export const byId = (id) => document.getElementById(id);

/** Makes an element; properties named data-… and aria-… are attributes, children texts or elements. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

/** Sets a text only where it differs: what is read aloud is not read again. */
export function say(id, text) {
  const place = byId(id);
  if (place.textContent !== text) place.textContent = text;
}

const counts = new Intl.NumberFormat("en");
export const count = (number) => counts.format(number);
