// One file on its way to the server. XMLHttpRequest, because fetch tells nothing about how much of a body is sent.
import type { FilesAddress } from "../state/page_state";

export type Failure =
  | "failed"
  | "incomplete"
  | "not_allowed"
  | "session_full"
  | "session_gone"
  | "site_full"
  | "too_large"
  | "too_many";

export interface UploadHandlers {
  /** From 0 to 1. */
  progress(part: number): void;
  /** With the text that stands for the file in the widget's value. */
  done(wire: string): void;
  failed(failure: Failure): void;
}

const OF_CODE: Record<string, Failure> = {
  incomplete: "incomplete",
  not_allowed: "not_allowed",
  origin: "not_allowed",
  session_full: "session_full",
  session_gone: "session_gone",
  site_full: "site_full",
  token: "not_allowed",
  too_large: "too_large",
  too_many: "too_many",
};
const MAX_NAME = 255;

/** Sends a file; returns what gives the upload up. */
export function upload(file: File, { url, token }: FilesAddress, handlers: UploadHandlers): () => void {
  const request = new XMLHttpRequest();
  request.open("POST", url);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.setRequestHeader("X-Scriptapps-Token", token);
  request.setRequestHeader("X-Scriptapps-Name", encodeURIComponent(printable(file.name)));
  if (/^[\x21-\x7e]+$/.test(file.type)) request.setRequestHeader("X-Scriptapps-Type", file.type);
  request.upload.onprogress = ({ loaded, total }) => handlers.progress(total ? loaded / total : 0);
  request.onerror = () => handlers.failed("incomplete");
  request.onload = () => {
    const wire = request.status === 201 ? answerOf(request).file : undefined;
    if (typeof wire === "string") handlers.done(wire);
    else handlers.failed(failureOf(request));
  };
  request.send(file);
  return () => request.abort();
}

/** Tells the server that a file is not wanted any more; it keeps those that the script has. */
export function takeBack(fileId: string, { url, token }: FilesAddress): void {
  const headers = { "X-Scriptapps-Token": token };
  // Whatever comes of it: files that nothing uses are swept.
  void fetch(`${url}${fileId}/`, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

function answerOf(request: XMLHttpRequest): Record<string, unknown> {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {}; // of a proxy, or of an error page
  }
}

function failureOf(request: XMLHttpRequest): Failure {
  const { error } = answerOf(request);
  if (typeof error === "string" && error in OF_CODE) return OF_CODE[error] ?? "failed";
  return request.status === 413 ? "too_large" : "failed";
}

/** A name that can be percent-encoded: without half surrogate pairs, and not too long for a header. */
function printable(name: string): string {
  const extension = /\.[^.]{1,20}$/.exec(name)?.[0] ?? "";
  const stem = name.slice(0, name.length - extension.length);
  return (stem.slice(0, MAX_NAME) + extension).replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    "",
  );
}
