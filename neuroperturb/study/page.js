for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const value = (row, k) => k ? row.cells[k].dataset.value : row.cells[0].textContent;
  heads.forEach((head, k) => head.firstElementChild.addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
    const rows = [...body.rows].map(row => [value(row, k), row]);
    const numbers = rows.every(([key]) => key === "" || !isNaN(key) || key === "inf");
    const key = text => numbers ? (text === "inf" ? Infinity : Number(text)) : text;
    rows.sort(([a], [b]) => a === "" || b === "" ? (a === "") - (b === "") : down * (key(a) > key(b) ? 1 : key(a) < key(b) ? -1 : 0));
    body.append(...rows.map(([, row]) => row));
  }));
}
