// A picture under the lines: the original, or the last preview or decode, which the page's compare slider shows. While
// a Hold button is held down, the original or the result before the last edit covers the drawing.

import { onHistoryChange } from './history.mjs';
import { $, $$, layers, root } from './host.mjs';
import { state } from './state.mjs';

const image = $('.lc-underlay'), choice = $('.lc-underlay-choice'), opacity = $('.lc-underlay-opacity');
const pictures = { original: null, decoded: null, before: null };
let isEdited = false; // since the last decoded picture came

// Show the chosen picture with the chosen opacity.
export function showUnderlay() {
  const url = pictures[choice.value] ?? null;
  image.hidden = !url;
  if (url && image.getAttribute('src') !== url) image.src = url;
  image.style.opacity = opacity.value / 100;
  opacity.disabled = choice.value === 'none';
  for (const button of $$('.lc-hold')) button.disabled = !pictures[button.dataset.hold];
}

// Take the pictures of the compare slider: paths of the original and of the preview or decode.
export function setPictures([original, decoded]) {
  if (isEdited && decoded !== pictures.decoded) {
    pictures.before = pictures.decoded;
    isEdited = false;
  }
  Object.assign(pictures, { original: original ?? null, decoded: decoded ?? null });
  showUnderlay();
}

// A picture that is opened has no edit yet.
onHistoryChange(({ undo, redo, word }) => {
  isEdited = Boolean(undo || redo || word);
  if (isEdited) return;
  pictures.before = null;
  showUnderlay();
});

// Cover the drawing with a picture, 'original' or 'before'.
function hold(name) {
  const url = pictures[name];
  if (!url) return;
  root.dataset.holding = name;
  image.src = url;
  image.hidden = false;
}

function letGo() {
  delete root.dataset.holding;
  showUnderlay();
}

// Return the RGBA pixels of the newest picture, or else of the color cells, at a size; null without either.
export function underlayPixels(width, height) {
  const canvas = document.createElement('canvas'), ctx = canvas.getContext('2d', { willReadFrequently: true });
  Object.assign(canvas, { width, height });
  if (image.complete && image.naturalWidth && !image.hidden) ctx.drawImage(image, 0, 0, width, height);
  else if (state.doc.grid) {
    ctx.imageSmoothingEnabled = false;
    ctx.drawImage(layers.cells, 0, 0, width, height);
  } else return null;
  return ctx.getImageData(0, 0, width, height).data;
}

choice.addEventListener('change', showUnderlay);
opacity.addEventListener('input', showUnderlay);
for (const button of $$('.lc-hold')) {
  const press = () => hold(button.dataset.hold);
  button.addEventListener('pointerdown', press);
  button.addEventListener('keydown', (event) => {
    if (event.key !== ' ' && event.key !== 'Enter') return;
    event.preventDefault();
    press();
  });
  for (const name of ['pointerup', 'pointercancel', 'pointerleave', 'blur', 'keyup']) {
    button.addEventListener(name, letGo);
  }
}
