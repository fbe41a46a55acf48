// The page of claims: filter and sort its table. Without this script the table stands there whole.
// Works from a file as well; ?show=differs, ?lesson=05 and ?words=recall choose what is shown at first.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.getElementById("claims");
  if (!table) return;
  const form = document.getElementById("claims-filter");
  const count = document.getElementById("claims-count");
  const rows = [...table.tBodies[0].rows];
  const everything = count.textContent;

  const filter = () => {
    const { words, show, lesson } = Object.fromEntries(new FormData(form));
    const wanted = words.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(
        (!show || row.dataset.show.split(" ").includes(show)) &&
        (!lesson || row.dataset.lesson === lesson) &&
        wanted.every((word) => text.includes(word))
      );
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = shown === rows.length ? everything : `${shown} of ${rows.length} rows shown.`;
  };

  const sort = (heading) => {
    const upward = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", upward ? "ascending" : "descending");
    const key = (row) => row.dataset[heading.dataset.sort];
    const order = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
    table.tBodies[0].append(...[...rows].sort((a, b) => (upward ? order(a, b) : order(b, a))));
  };

  for (const heading of table.tHead.querySelectorAll("[data-sort]")) {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  filter();
});
