// The ring around the pointer that shows the size of a brush.

import { $ } from './host.mjs';
import { screenToImage, stagePlace } from './view.mjs';

// Show the ring at a pointer event, or hide it where `radius`, in image pixels, is 0 or undefined.
export function showBrush(event, radius) {
  if (!radius) {
    hideBrush();
    return;
  }
  const [u, v] = stagePlace(event), diameter = 2 * radius / screenToImage(1);
  Object.assign($('.lc-brush').style, {
    display: 'block', left: `${100 * u}%`, top: `${100 * v}%`, width: `${diameter}px`, height: `${diameter}px`,
  });
}

export function hideBrush() {
  $('.lc-brush').style.display = 'none';
}
