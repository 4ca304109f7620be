// Filters by function and status; the page is whole without them.
const form = document.querySelector("form");
const shown = (node, key) => !form[key].value || node.dataset[key] === form[key].value;
form.hidden = false;
form.addEventListener("input", () => {
  for (const section of document.querySelectorAll("section")) {
    const rows = [...section.querySelectorAll("tr[data-status]")];
    for (const row of rows) row.hidden = !shown(row, "status");
    section.hidden = !shown(section, "function") || rows.every((row) => row.hidden);
    for (const part of section.querySelectorAll("details")) part.open = form.status.value !== "";
  }
});
