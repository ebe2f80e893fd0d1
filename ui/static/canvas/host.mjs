// What Gradio passes to the script of a component, and the canvas's elements. The template has no ${}, so Gradio never
// renders it again: everything that changes is drawn by these modules.

export const gradio = { trigger, props, server, upload, watch };

export const $ = (selector) => element.querySelector(selector);
export const $$ = (selector) => [...element.querySelectorAll(selector)];

// Elements in which keys type text.
export const TEXT_FIELDS = 'textarea, select, [contenteditable], '
  + 'input:not([type=range]):not([type=checkbox]):not([type=radio])';

export const container = element;
export const root = $('.lc');
export const stage = $('.lc-stage');
export const cellGrid = $('.lc-grid');
export const colorInput = $('.lc-color');
export const layers = { cells: $('canvas.lc-cells'), sketch: $('canvas.lc-sketch'), mask: $('canvas.lc-mask') };
