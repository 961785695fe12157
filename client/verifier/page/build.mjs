// Bundles the page's program into one classic script, which a browser also runs from a file.
import { build } from "esbuild";

await build({
  entryPoints: [new URL("main.js", import.meta.url).pathname],
  outfile: new URL("verifier.js", import.meta.url).pathname,
  bundle: true,
  format: "iife",
  target: ["es2022"],
  minify: true,
  legalComments: "inline",
});
