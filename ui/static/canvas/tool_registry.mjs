// The tools. Each tool is an object in TOOLS with
//   name               as the toolbar shows it
//   isAvailable()      whether it can be used on this picture
//   size               [label, min, max, initial value] of its size slider, if it has one
//   brushRadius()      of the ring around the pointer, in image pixels; 0 for none
//   begin(p, options)  start at the image point p; options: {shift, alt, touch}. Returns false if the gesture is
//                      already complete, so that there is nothing to drag.
//   move(p, previous)  continue from the point `previous` to p
//   end(gesture)       finish; returns a word for the history
//   draw(ctx, unit)    draw the gesture under way over the sketch; `unit` is a screen pixel in image pixels
// Changes of `state.doc` and `state.mask` during a gesture are reverted when it is canceled.

import { state } from './state.mjs';

export const TOOLS = {};
export const COLOR_TOOLS = ['cell', 'fill', 'pick', 'area'];
export const sizes = {}; // tool -> value of its size slider

export const sizeOf = (name) => sizes[name] ?? TOOLS[name].size[3];

// Return the radius of an eraser or mask brush in image pixels; it is at least one that meets the lattice.
export function brushRadius(name) {
  const { width, height, cols, rows } = state.doc;
  return Math.max(0.75 * Math.max(width / cols, height / rows), sizeOf(name) * Math.max(width, height) / 200);
}

TOOLS.hand = { name: 'Hand', isAvailable: () => Boolean(state.doc) };
