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
      const compare = (a, b) => {
        const [x, y] = [a.cells[th.cellIndex], b.cells[th.cellIndex]];
        const [p, q] = [x.dataset.value, y.dataset.value];
        if (p === undefined) return sign * x.textContent.trim().localeCompare(y.textContent.trim(), "en", { numeric: true });
        // What has no number stays at the end, whichever way the others go.
        if (p === "" || q === "") return (p === "") - (q === "");
        return sign * (Number(p) - Number(q));
      };
      body.append(...(next === "none" ? original : [...original].sort(compare)));
    });
  }
}
for (const filter of document.querySelectorAll(".filter")) {
  const buttons = [...filter.querySelectorAll("button")];
  const table = document.getElementById("verdicts");
  filter.hidden = false;
  for (const button of buttons) {
    button.addEventListener("click", () => {
      table.dataset.show = button.dataset.show;
      for (const other of buttons) other.setAttribute("aria-pressed", other === button);
    });
  }
}
const viewer = document.getElementById("viewer");
for (const button of document.querySelectorAll("button.zoom")) {
  button.addEventListener("click", () => {
    const small = button.querySelector("img");
    const figure = button.closest(".side-by-side");
    const shown = (figure ? figure.querySelector(".strips") : small).cloneNode(true);
    for (const inner of shown.querySelectorAll("button")) inner.replaceWith(...inner.children);
    viewer.querySelector(".stage").replaceChildren(shown);
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
