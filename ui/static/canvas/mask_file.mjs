// The mask as a picture: white or paint on a transparent background marks what to erase, as in `codec/images/mask.py`.

import { decodeRuns } from './geometry/bitmap.mjs';
import { gestureEnd } from './gestures.mjs';
import { PICTURE_TYPES, uploadFile } from './import_layers.mjs';
import { announce, request } from './messages.mjs';
import { state } from './state.mjs';
import { setMask } from './tool_mask.mjs';

export const MASK_TYPES = `${PICTURE_TYPES},.gif,.bmp,.tif,.tiff,.pbm,.pgm,.ppm,.pnm`;
const BLACK = 0xff000000; // ABGR
const WHITE = 0xffffffff; // ABGR
const DOWNLOAD_TIME = 10_000; // ms after which the file is released

export function saveMask() {
  const { mask, maskWidth, maskHeight, doc } = state, canvas = document.createElement('canvas');
  Object.assign(canvas, { width: maskWidth, height: maskHeight });
  const ctx = canvas.getContext('2d');
  const image = ctx.createImageData(maskWidth, maskHeight), pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < mask.length; i++) pixels[i] = mask[i] ? WHITE : BLACK;
  ctx.putImageData(image, 0, 0);
  canvas.toBlob((blob) => {
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

// Open a picture as the mask; the server reads it.
export async function loadMask(file) {
  const { doc: { load }, maskWidth: width, maskHeight: height } = state;
  announce(`Reading ${file.name}…`);
  const path = await uploadFile(file), answer = path && await request('open_mask', { path, width, height });
  await gestureEnd();
  if (!answer) return;
  if (state.doc?.load === load) setMask(decodeRuns(answer.runs), `Mask opened from ${file.name}`);
  else announce('');
}
