// What the bundler writes for JSX; three hundred bytes less than the automatic runtime.
export { Fragment, h } from "preact";
