"use strict";
const plain = text => text.replace(/,(?=\d)/g, ""); // 1,000 is a number
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0], rows = [...body.rows];
  const tools = document.createElement("div"), label = document.createElement("label");
  const field = document.createElement("input"), shown = document.createElement("span");
  tools.className = "tools";
  field.type = "search";
  shown.setAttribute("role", "status");
  label.append(table.dataset.search + " ", field);
  tools.append(label, shown);
  table.parentElement.before(tools);
  field.addEventListener("input", () => {
    const wanted = plain(field.value.trim().toLowerCase());
    let n = 0;
    for (const row of rows) {
      row.hidden = wanted !== "" && !plain(row.textContent.toLowerCase()).includes(wanted);
      if (!row.hidden) n++;
    }
    shown.textContent = wanted === "" ? "" : table.dataset.matches.replace("%d", n).replace("%d", rows.length);
  });
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.title = table.dataset.sort + " " + button.textContent;
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const text = row => plain(row.cells[column].textContent);
      rows.sort((a, b) => (down ? -1 : 1) * text(a).localeCompare(text(b), undefined, {numeric: true}));
      body.append(...rows);
    });
  });
}
