"use strict";

/* Charts: this replaces each static picture by a chart with tooltips, as wide as the surrounding element.
   Both are SVG with the page's CSS variables, so a change of colour scheme needs no redrawing. */
function drawCharts() {
  const source = document.getElementById("specs");
  if (!source) return Promise.resolve();
  const options = {
    actions: false,
    ast: true,
    defaultStyle: false,
    mode: "vega-lite",
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  };
  const drawn = Object.entries(JSON.parse(source.textContent)).map(([name, spec]) => {
    const place = document.getElementById(name);
    const still = [...place.childNodes];
    return vegaEmbed(place, spec, options).catch((error) => {
      place.replaceChildren(...still);
      console.error(name, error);
    });
  });
  return Promise.all(drawn);
}

/* Tables: the button in a heading sorts by its column. Empty cells stay last. */
function compareCells(one, other) {
  const numbers = [Number(one), Number(other)];
  return numbers.some(Number.isNaN) ? one.localeCompare(other) : numbers[0] - numbers[1];
}

function sortBy(table, column) {
  const headings = [...table.tHead.rows[0].cells];
  const descending = headings[column].getAttribute("aria-sort") === "ascending";
  headings.forEach((heading) => heading.removeAttribute("aria-sort"));
  headings[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const key = (row) => row.cells[column].dataset.key;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
    return compareCells(key(a), key(b)) * (descending ? -1 : 1);
  });
  table.tBodies[0].append(...rows);
}

document.querySelectorAll("table.sortable").forEach((table) => {
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => sortBy(table, column));
  });
});

drawCharts().then(() => {
  document.documentElement.dataset.charts = "drawn";
});
