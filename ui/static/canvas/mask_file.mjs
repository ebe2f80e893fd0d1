// The mask as a picture: white or paint on a clear ground marks what to erase, as in `codec/images/mask.py`.

import { announce, showError } from './messages.mjs';
import { state } from './state.mjs';
import { setMask } from './tool_mask.mjs';

const BLACK = 0xff000000; // ABGR
const WHITE = 0xffffffff; // ABGR
const THRESHOLD = 127; // of 255, above which a pixel is bright or opaque
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

// What is bright and opaque; if nothing is, what is opaque, unless no part of the picture is much clearer.
function markedPixels(data) {
  const count = data.length / 4, bright = new Uint8Array(count), opaque = new Uint8Array(count);
  let most = 0, least = 255;
  for (let i = 3; i < data.length; i += 4) {
    most = Math.max(most, data[i]);
    least = Math.min(least, data[i]);
  }
  const hasClear = 2 * least < most;
  for (let i = 0; i < count; i++) {
    const luma = (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3;
    const opacity = hasClear ? data[4 * i + 3] / most : 1;
    bright[i] = luma * opacity > THRESHOLD ? 1 : 0;
    opaque[i] = hasClear && 255 * opacity > THRESHOLD ? 1 : 0;
  }
  return bright.includes(1) ? bright : opaque;
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
  ctx.drawImage(picture, 0, 0, maskWidth, maskHeight);
  const mask = markedPixels(ctx.getImageData(0, 0, maskWidth, maskHeight).data);
  if (mask.includes(1)) setMask(mask, `Mask opened from ${file.name}`);
  else showError('That mask marks nothing: paint white over what to erase.');
}
