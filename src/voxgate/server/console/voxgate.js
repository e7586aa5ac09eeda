/** voxgate's JavaScript client. See docs/reference/voxgate-js.md. */
export * from "./console/client/voxgate.js";
