'use strict';
(() => {
  const table = document.querySelector('table');
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const tools = document.querySelector('.tools');
  const [search, verdict] = tools.querySelectorAll('input, select');
  const count = tools.querySelector('output');
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(words.every((word) => text.includes(word)) && (!verdict.value || row.dataset.verdict === verdict.value));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = shown + ' of ' + rows.length;
  };
  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
  const sort = (heading, column) => {
    const down = heading.getAttribute('aria-sort') === 'ascending';
    for (const other of heading.parentNode.cells) other.removeAttribute('aria-sort');
    heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const order = (one, other) => key(one, column).localeCompare(key(other, column), 'en', { numeric: true });
    rows.sort((one, other) => (down ? order(other, one) : order(one, other)));
    body.append(...rows);
  };
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement('button');
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener('click', () => sort(heading, column));
  });
  search.addEventListener('input', filter);
  verdict.addEventListener('change', filter);
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')];
    for (const fold of folded) fold.open = true;
  });
  addEventListener('afterprint', () => {
    for (const fold of folded) fold.open = false;
  });
  tools.hidden = false;
  filter();
})();
