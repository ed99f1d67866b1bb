// How the page's JavaScript is linted. gradio runs each file as a script of its own kind, see
// imgrec/ui/scripts.py.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import globals from "globals";

// The bodies of functions that gradio calls with these names, once the component is there.
const ON_LOAD = [
  "**/html_buttons.js",
  "**/picture.js",
  "**/rename.js",
  "**/upload_zone{,_paste,_burst}.js",
  "**/webcam_live.js",
];
const GIVEN = ["element", "trigger", "props", "server", "upload", "watch"];

// What is written before such a body.
const BEFORE_OTHERS = ["**/webcam.js"];

export default defineConfig([
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  {
    files: ["imgrec/**/*.js"],
    languageOptions: { sourceType: "script", globals: globals.browser },
  },
  {
    files: ON_LOAD,
    languageOptions: {
      globals: Object.fromEntries(GIVEN.map((name) => [name, "readonly"])),
      parserOptions: { ecmaFeatures: { globalReturn: true } },
    },
  },
  {
    files: ["imgrec/**/*.js"],
    ignores: [...ON_LOAD, ...BEFORE_OTHERS],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: "Program[body.length!=1], Program > :not([expression.type='ArrowFunctionExpression'])",
          message: "The script of an event is one arrow function.",
        },
      ],
    },
  },
]);
