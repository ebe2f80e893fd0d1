// Rules for the page's JavaScript and its tests. Run from the repository's root with --config.

const GRADIO = ['element', 'trigger', 'props', 'server', 'upload', 'watch']; // parameters of a component's script
const BROWSER = [
  'addEventListener', 'createImageBitmap', 'crypto', 'document', 'DataTransfer', 'DragEvent', 'Event', 'history',
  'Image', 'indexedDB', 'localStorage', 'location', 'matchMedia', 'MutationObserver', 'navigator', 'Option', 'Request',
  'requestAnimationFrame', 'ResizeObserver', 'sessionStorage', 'setTimeout', 'URL', 'URLSearchParams', 'window',
];
const globals = (names, access = 'readonly') => Object.fromEntries(names.map((name) => [name, access]));

const rules = {
  'array-callback-return': 'error',
  'consistent-return': 'error',
  'default-param-last': 'error',
  eqeqeq: ['error', 'always'],
  'max-len': ['error', { code: 120 }],
  'no-array-constructor': 'error',
  'no-dupe-keys': 'error',
  'no-duplicate-imports': 'error',
  'no-else-return': 'error',
  'no-eval': 'error',
  'no-implicit-globals': 'error',
  'no-implied-eval': 'error',
  'no-import-assign': 'error',
  'no-new-func': 'error',
  'no-param-reassign': 'error',
  'no-promise-executor-return': 'error',
  'no-redeclare': 'error',
  'no-self-compare': 'error',
  'no-shadow': ['error', { builtinGlobals: false }],
  'no-undef': 'error',
  'no-unreachable': 'error',
  'no-unused-expressions': 'error',
  'no-unused-vars': 'error',
  'no-use-before-define': ['error', { functions: false, variables: false }],
  'no-useless-return': 'error',
  'no-var': 'error',
  'object-shorthand': 'error',
  'prefer-const': ['error', { destructuring: 'all' }],
  'prefer-object-spread': 'error',
  'prefer-rest-params': 'error',
  'prefer-spread': 'error',
  'prefer-template': 'error',
  'require-await': 'error',
  strict: 'off',
  'use-isnan': 'error',
};

const modules = { sourceType: 'module', ecmaVersion: 2023 };
// the page's own scripts, each of which `ui.page.script` puts into a block
const scripts = { sourceType: 'script', ecmaVersion: 2023 };
const scriptRules = { ...rules, 'max-len': 'off', 'no-implicit-globals': 'off', 'no-shadow': 'off' };

export default [
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { files: ['ui/static/*.js'], rules: scriptRules, languageOptions: { ...scripts, globals: globals(BROWSER) } },
  { files: ['ui/static/canvas/**/*.mjs'], rules, languageOptions: { ...modules, globals: globals(BROWSER) } },
  { files: ['ui/static/canvas/host.mjs'], languageOptions: { globals: globals(GRADIO) } },
  // pure modules, which also run in Node
  { files: ['ui/static/canvas/geometry/*.mjs'], languageOptions: { globals: globals(BROWSER, 'off') } },
  { files: ['tests/javascript/*.mjs'], rules, languageOptions: modules },
];
