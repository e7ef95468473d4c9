"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  const head = [...table.tHead.rows].pop();
  for (const button of head.querySelectorAll("button.sort")) {
    const th = button.closest("th");
    const [first, second] = th.classList.contains("row-title") ? ["ascending", "descending"] : ["descending", "ascending"];
    button.addEventListener("click", () => {
      const next = { none: first, [first]: second, [second]: "none" }[th.getAttribute("aria-sort") || "none"];
      for (const other of head.querySelectorAll("th")) other.removeAttribute("aria-sort");
      if (next !== "none") th.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      const key = (row) => row.cells[th.cellIndex];
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x.dataset.value === undefined) return sign * x.textContent.localeCompare(y.textContent);
        if (x.dataset.value === "" || y.dataset.value === "") return (x.dataset.value === "") - (y.dataset.value === "");
        return sign * (Number(x.dataset.value) - Number(y.dataset.value));
      };
      body.append(...(next === "none" ? original : [...original].sort(compare)));
    });
  }
}
const viewer = document.getElementById("viewer");
for (const button of document.querySelectorAll("button.zoom")) {
  button.addEventListener("click", () => {
    const small = button.querySelector("img");
    const figure = button.closest("[data-large]");
    const large = viewer.querySelector("img");
    large.src = figure ? figure.dataset.large : small.src;
    large.alt = small.alt;
    large.classList.toggle("pixels", !figure);
    viewer.querySelector("p").textContent = figure ? figure.querySelector("figcaption").textContent : small.alt;
    viewer.showModal();
  });
}
viewer.addEventListener("click", (event) => { if (event.target === viewer) viewer.close(); });
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const details of opened) details.open = true;
});
window.addEventListener("afterprint", () => { for (const details of opened) details.open = false; });
