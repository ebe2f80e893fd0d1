() => {
  document.documentElement.lang = 'en';
  document.addEventListener('keydown', (e) => {
    if (!(e.ctrlKey || e.metaKey)) return;
    const id = { Enter: 'decode', s: 'save', o: 'open' }[e.key];
    const button = id && (document.querySelector(`button#${id}`) || document.querySelector(`#${id} button`));
    if (!button) return;
    e.preventDefault();
    button.click();
  }, true);
}
