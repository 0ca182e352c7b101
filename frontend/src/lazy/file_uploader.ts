// file_uploader. Loaded on first use.
import { FileUploader as Schema } from "../protocol/schema";
import type { LazyElement } from "../ui/view";

const element: LazyElement = {
  decode: (bytes) => Schema.decode(bytes),
  mount: () => ({ update() {}, destroy() {} }),
};
export default element;
