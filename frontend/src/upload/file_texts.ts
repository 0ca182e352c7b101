// What the file uploader says, and how it writes sizes and types.
import { texts } from "../strings";
import { pageLanguage } from "../ui/format";

/** Every text of the uploader. The page may translate them beside the client's own. */
export const t = texts({
  upload_away: "Waiting for the server",
  upload_cancel: "Cancel upload of {name}",
  upload_choose: "Choose file",
  upload_choose_many: "Choose files",
  upload_done: "{name} is uploaded",
  upload_drop: "Drop a file here",
  upload_drop_many: "Drop files here",
  upload_failed: "The upload failed.",
  upload_folder: "Folders cannot be uploaded.",
  upload_hint_size: "up to {size}",
  upload_hint_size_each: "up to {size} each",
  upload_incomplete: "The upload was interrupted.",
  upload_not_allowed: "This page may no longer take files. Reload it.",
  upload_one_only: "Only one file can be chosen; {name} is taken.",
  upload_remove: "Remove {name}",
  upload_removed: "{name} is removed",
  upload_retry: "Try again",
  upload_session_full: "This page holds as many bytes as it may.",
  upload_session_gone: "This page is closed. Reload it.",
  upload_site_full: "There is no room for more files on the server.",
  upload_too_large: "Larger than {size}.",
  upload_too_many: "This page holds as many files as it may.",
  upload_types: "{types} only",
  upload_waiting: "Waiting",
  upload_wrong_type: "Only {types} can be uploaded.",
});

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/** A size for people: 1024 bytes are one kilobyte. */
export function sizeText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  const options = {
    style: "unit",
    unit: UNITS[power] ?? "byte",
    unitDisplay: power ? "short" : "long", // the short one of bytes has no plural
    maximumFractionDigits: value < 10 && power ? 1 : 0,
  };
  return new Intl.NumberFormat(pageLanguage(), options as Intl.NumberFormatOptions).format(value);
}

/** ".csv", ".xlsx" as "CSV, XLSX". */
export function typesText(types: readonly string[]): string {
  return types.map((type) => type.slice(1).toUpperCase()).join(", ");
}

/** Whether the name ends as one of the types, none of which means any. */
export function fits(name: string, types: readonly string[]): boolean {
  return !types.length || types.some((type) => name.toLowerCase().endsWith(type));
}
