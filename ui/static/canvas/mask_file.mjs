// The mask as a PNG: white marks what to erase, as in the masks of the command line and the API.

import { announce, showError } from './messages.mjs';
import { state } from './state.mjs';
import { setMask } from './tool_mask.mjs';

const BLACK = 0xff000000; // ABGR
const WHITE = 0xffffffff; // ABGR
const THRESHOLD = 127; // mean of R, G and B above which a pixel is masked
const DOWNLOAD_TIME = 10_000; // ms after which the file is released

function maskCanvas(options) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: state.maskWidth, height: state.maskHeight });
  return canvas.getContext('2d', options);
}

export function saveMask() {
  const { mask, maskWidth, maskHeight, doc } = state, ctx = maskCanvas();
  const image = ctx.createImageData(maskWidth, maskHeight), pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) pixels[i] = mask[i] ? WHITE : BLACK;
  ctx.putImageData(image, 0, 0);
  ctx.canvas.toBlob((blob) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = `${doc.name}-mask.png`;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_TIME);
    announce('Mask saved');
  }, 'image/png');
}

export async function loadMask(file) {
  const { load } = state.doc;
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    showError('This browser cannot read that file as a picture. Choose a PNG that is white over what to erase.');
    return;
  }
  if (state.doc?.load !== load) return;
  const { maskWidth, maskHeight } = state, ctx = maskCanvas({ willReadFrequently: true });
  ctx.fillStyle = '#000';
  ctx.fillRect(0, 0, maskWidth, maskHeight);
  ctx.drawImage(picture, 0, 0, maskWidth, maskHeight);
  const { data } = ctx.getImageData(0, 0, maskWidth, maskHeight), mask = new Uint8Array(maskWidth * maskHeight);
  for (let i = 0; i < mask.length; i++) {
    mask[i] = data[4 * i] + data[4 * i + 1] + data[4 * i + 2] > 3 * THRESHOLD ? 1 : 0;
  }
  if (mask.includes(1)) setMask(mask, `Mask opened from ${file.name}`);
  else showError('That mask is all black: paint white over what to erase.');
}
