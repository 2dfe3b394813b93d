// What pages do besides htmx. Everything works without it, less comfortably.
'use strict';

// The menu is open on wide screens, closed on narrow ones.
const menu = document.querySelector('.menu-toggle');
if (menu) {
  const narrow = window.matchMedia('(max-width: 55rem)');
  const fit = () => { menu.open = !narrow.matches; };
  fit();
  narrow.addEventListener('change', fit);
}

// Buttons that ask before they do something: data-confirm has the question.
document.addEventListener('submit', (event) => {
  const question = event.submitter?.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// A double click sends a form once.
const sent = new WeakMap();
document.addEventListener('submit', (event) => {
  if (event.defaultPrevented) return;
  if (Date.now() - sent.get(event.target) < 2000) event.preventDefault();
  else sent.set(event.target, Date.now());
});

// What has been typed is not lost without a question.
let isChanged = false;
document.addEventListener('input', (event) => { if (event.target.closest('form[data-keep]')) isChanged = true; });
document.addEventListener('submit', () => { isChanged = false; });
window.addEventListener('beforeunload', (event) => { if (isChanged) event.preventDefault(); });

// Copy buttons: data-copy has the id of what is copied.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.textContent);
  } else { // there is none over plain HTTP
    window.getSelection().selectAllChildren(source);
    document.execCommand('copy');
  }
  button.textContent = 'Copied';
});

// Polls rest while nobody sees the page, and while the check box is ticked whose data-pauses has the element's id.
document.addEventListener('htmx:beforeRequest', (event) => {
  const isPoll = event.target.getAttribute('hx-trigger')?.startsWith('every');
  if (isPoll && (document.hidden || document.querySelector(`[data-pauses="${event.target.id}"]:checked`))) event.preventDefault();
});

// A page that is not up to date says so.
const tellIfAway = (isAway) => { document.getElementById('away').hidden = !isAway; };
document.addEventListener('htmx:sendError', () => tellIfAway(true));
document.addEventListener('htmx:afterOnLoad', () => tellIfAway(false));

// What is followed does not grow for ever: data-most has how many children stay.
document.addEventListener('htmx:afterSettle', () => {
  for (const list of document.querySelectorAll('[data-most]')) {
    while (list.childElementCount > Number(list.dataset.most)) list.firstElementChild.remove();
  }
});
