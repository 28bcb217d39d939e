// Elements whose content is text or other elements, never markup.

export function element(name, content = "", properties = {}) {
  const { role, ...others } = properties;
  const made = Object.assign(document.createElement(name), others);
  if (role) made.setAttribute("role", role);
  made.replaceChildren(...[content].flat());
  return made;
}

export function table(heads, rows) {
  const head = element("tr", heads.map((one) => element("th", one, { scope: "col" })));
  const body = rows.map((cells) => element("tr", cells.map((one, at) => cell(one, heads[at]))));
  return element("table", [element("thead", head), element("tbody", body)]);
}

// On a narrow screen a row is a card, whose cells say what they are.
function cell(content, head) {
  const made = element("td", content);
  if (head) made.dataset.head = head;
  return made;
}
