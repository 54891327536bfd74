'use strict';

// Tables: a click on a head sorts by its column; what is unknown stays last.
function sortBy(head) {
  const table = head.closest('table');
  const column = [...head.parentNode.children].indexOf(head);
  const down = head.getAttribute('aria-sort') === 'ascending'
    || (head.getAttribute('aria-sort') === 'none' && head.classList.contains('number'));
  const numeric = head.classList.contains('number');
  const key = (row) => {
    const cell = row.children[column];
    return numeric ? ('value' in cell.dataset ? Number(cell.dataset.value) : NaN) : cell.textContent.trim();
  };
  const unknown = (value) => value === '–' || Number.isNaN(value);
  const compare = (a, b) => numeric ? a - b : a.localeCompare(b, 'en', { numeric: true });
  const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => unknown(a) - unknown(b) || (unknown(a) ? 0 : (down ? -1 : 1) * compare(a, b)));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const other of head.parentNode.querySelectorAll('[aria-sort]')) other.setAttribute('aria-sort', 'none');
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
}
for (const button of document.querySelectorAll('.sortable th button')) {
  button.addEventListener('click', () => sortBy(button.parentNode));
}

// Sections: a link opens the one it leads to, and printing opens all.
const sections = [...document.querySelectorAll('details')];
function openTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (target && target.tagName === 'DETAILS') target.open = true;
}
addEventListener('hashchange', openTarget);
openTarget();
for (const link of document.querySelectorAll('a[href^="#run-"]')) {
  link.addEventListener('click', () => { document.getElementById(link.hash.slice(1)).open = true; });
}
let closed = [];
addEventListener('beforeprint', () => {
  closed = sections.filter((section) => !section.open);
  for (const section of closed) section.open = true;
});
addEventListener('afterprint', () => {
  for (const section of closed) section.open = false;
});
const all = document.getElementById('all');
if (all) {
  const runs = [...document.querySelectorAll('details.run')];
  all.addEventListener('click', () => {
    const open = runs.some((run) => !run.open);
    for (const run of runs) run.open = open;
    all.textContent = open ? 'Close all' : 'Open all';
  });
}
