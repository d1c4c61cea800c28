export { type BundleOptions, bundleFrontend } from "./bundle-frontend.ts";
export { type FrontendImage, type FrontendImageOptions, frontendImage } from "./frontend-image.ts";
export { type FrontendIndexOptions, frontendIndex } from "./frontend-index.ts";
export { type HostPrograms, hostPrograms } from "./host-programs.ts";
