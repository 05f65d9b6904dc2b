"use strict";
// Headings of a sortable table become buttons; a row takes the rows of its details along.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  const groups = [];
  for (const row of body.rows) row.classList.contains("more") ? groups.at(-1).push(row) : groups.push([row]);
  const value = (group, k) => group[0].cells[k].dataset.value ?? group[0].cells[k].textContent.trim();
  heads.forEach((head, k) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      groups.sort((one, two) => {
        const a = value(one, k), b = value(two, k);
        if (!a || !b) return !a - !b;
        const x = Number(a), y = Number(b);
        const order = isNaN(x) || isNaN(y) ? a.localeCompare(b) : x - y;
        return down ? -order : order;
      });
      body.append(...groups.flat());
    });
  });
}
